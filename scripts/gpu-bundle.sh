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
cargo build --profile gpu --package minim-engine --bin minim --features cuda
echo "built in $((SECONDS - started)) s"

xz --threads=0 -6 --keep --stdout "$target/gpu/minim" >"$out/minim.xz"
(cd "$out" && sha256sum minim.xz >minim.xz.sha256)
for file in "$target/gpu/minim" "$out/minim.xz"; do
    printf '%-40s %6.1f MiB\n' "$file" "$(stat --format=%s "$file" | awk '{ print $1 / 1048576 }')"
done
