#!/usr/bin/env bash
# Builds `minim` with CUDA into one compressed file that can be carried to a machine with a GPU and no package registry.
#
#   scripts/gpu-bundle.sh            writes target/gpu-bundle/minim.xz and prints its size
#
# The file needs a checkout of this repository beside it (fixtures, checkpoints and synthetic samples); there,
# `scripts/gpu.sh target/gpu-bundle/minim.xz` does the rest. The machine that builds needs neither GPU, driver nor CUDA toolkit.
# The binary has not run on a GPU yet: see scripts/gpu.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-target}"
out=target/gpu-bundle
mkdir -p "$out"

# The CUDA version whose names and functions cudarc binds. Without it the build takes the version of an `nvcc` that happens to be
# on the PATH, or the newest that cudarc knows. With 13.0 the binary looks for NVRTC 13, 12 and 11, by those names, at run time.
export CUDARC_CUDA_VERSION="${CUDARC_CUDA_VERSION:-13000}"

started=$SECONDS
cargo build --release --package minim-engine --bin minim --features cuda
echo "built in $((SECONDS - started)) s"

# The release profile has no debug info; symbols go here. Compression makes the rest small enough to carry without a second
# profile (link-time optimisation, opt-level "s"), which would build every crate again.
strip --strip-all -o "$out/minim" "$target/release/minim"
xz --threads=0 -6 --keep --force "$out/minim"
(cd "$out" && sha256sum minim.xz >minim.xz.sha256)
for file in "$target/release/minim" "$out/minim" "$out/minim.xz"; do
    awk -v file="$file" -v bytes="$(stat --format=%s "$file")" 'BEGIN { printf "%-40s %6.1f MiB\n", file, bytes / 1048576 }'
done
