#!/usr/bin/env bash
# Tries minim on a GPU and writes what it saw into one folder. Needs no package registry and no compiler.
# Untried on a GPU so far: until docs/benchmarks/ holds a folder that it wrote, expect to have to mend something.
#
#   scripts/gpu.sh [BINARY] [OUT]
#
# BINARY  a `minim` built with feature `cuda`, plain or as the `minim.xz` of scripts/gpu-bundle.sh (default: target/release/minim)
# OUT     the folder to write (default: gpu-report)
#
# Needed on the machine: an NVIDIA driver, NVRTC and the CUDA headers (a CUDA toolkit has both; NVIDIA's Python wheels do too).
# Environment: DEVICE (cuda:0), STAGES ("selfcheck mini quantised base"), STEPS (60 training steps a run), LIMIT_S (240, for each command).
#
# What it runs, through the binary's own verbs:
#   selfcheck  logits in fp32 and bf16 against the committed transformers fixtures and against the CPU; gradients of every method, and of
#              LoRA and IA3 on a base in bf16, int8 and NF4, against the CPU; training with dropout, with gradient checkpointing and without
#   mini       the shipped checkpoint on a shipped synthetic sample: LoRA, IA3 and full, in fp32 and bf16, and fp32 on the CPU
#   quantised  LoRA on a base in fp32, bf16, int8 and NF4: the shipped checkpoint, here and on the CPU, and BERT-base's shape
#   base       the same runs in BERT-base's shape with random weights: what speed and memory look like at a real size
#
# Kernels are compiled and timed anew in every process, so a run costs more seconds than its steps: where a command may run for a
# few minutes only, call this once a stage, each with an OUT of its own.
#
# The folder then holds report.md (the tables), device.txt, selfcheck.json, runs.jsonl (one run record a line), memory.csv (device
# memory in use, as nvidia-smi sampled it) and log.txt. A step that fails is reported as failed, and the next one runs.
set -uo pipefail
cd "$(dirname "$0")/.."

binary="${1:-target/release/minim}"
out="${2:-gpu-report}"
device="${DEVICE:-cuda:0}"
stages="${STAGES:-selfcheck mini quantised base}"
steps="${STEPS:-60}"
limit_s="${LIMIT_S:-240}"

checkpoint=checkpoints/mini-2x128
fixtures=tests/fixtures/bert
task_kind=sequence-classification
task_dataset=prepared-csv
task_data=datasets/synthetic/mortality

if [ ! -f "$binary" ]; then
    echo "gpu.sh: no file $binary: build one with scripts/gpu-bundle.sh, or name it as the first argument" >&2
    exit 2
fi
mkdir -p "$out"
out="$(cd "$out" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# Experiments lie in the work folder and name everything relative to it, so that no record holds a path of this machine.
ln -s "$PWD/checkpoints" "$work/checkpoints"
ln -s "$PWD/datasets" "$work/datasets"

case "$binary" in
*.xz)
    # Python's module stands in where the machine has no xz.
    if command -v xz >/dev/null; then
        xz --decompress --stdout "$binary" >"$work/minim"
    else
        python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' "$binary" "$work/minim"
    fi || exit 2
    ;;
*) cp "$binary" "$work/minim" ;;
esac
chmod +x "$work/minim"
binary="$work/minim"

log="$out/log.txt"
: >"$log"
: >"$out/runs.jsonl"
echo "run,second,used_mib" >"$out/memory.csv"

say() { echo "$*" | tee -a "$log"; }

# cubecl-cuda looks for headers in CUDA_PATH, /usr/local/cuda and /opt/cuda, and the loader for NVRTC in its usual places.
find_toolkit() {
    local candidate wheels
    wheels="$(python3 -c 'import nvidia; print(list(nvidia.__path__)[0])' 2>/dev/null)"
    for candidate in "${CUDA_PATH:-}" "${CUDA_HOME:-}" /usr/local/cuda /opt/cuda \
        "$(dirname "$(dirname "$(readlink -f "$(command -v nvcc || echo /none/none/none)")")")" \
        "${wheels:+$wheels/cu13}" "${wheels:+$wheels/cuda_runtime}"; do
        if [ -n "$candidate" ] && [ -f "$candidate/include/cuda_fp16.h" ]; then
            export CUDA_PATH="$candidate"
            break
        fi
    done
    for candidate in "${CUDA_PATH:-/none}/lib64" "${CUDA_PATH:-/none}/lib" "${CUDA_PATH:-/none}/targets/x86_64-linux/lib" \
        "${wheels:+$wheels/cu13/lib}" "${wheels:+$wheels/cuda_nvrtc/lib}"; do
        if compgen -G "$candidate/libnvrtc.so*" >/dev/null; then
            export LD_LIBRARY_PATH="$candidate${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
            break
        fi
    done
}
find_toolkit

gpu_index="${device#cuda:}"
query() { nvidia-smi --id="$gpu_index" --query-gpu="$1" --format=csv,noheader,nounits 2>/dev/null | head -1; }
{
    date --utc +%Y-%m-%dT%H:%M:%SZ
    nvidia-smi 2>&1
    nvidia-smi --id="$gpu_index" --query-gpu=name,driver_version,compute_cap,memory.total,clocks.max.sm,power.limit --format=csv 2>&1
    echo "CUDA_PATH=${CUDA_PATH:-not found}"
    echo "LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}"
    uname -sr
    grep -m1 'model name' /proc/cpuinfo
    nproc
    git rev-parse HEAD 2>/dev/null
} >"$out/device.txt"
say "device: $(query name), driver $(query driver_version), $(query memory.total) MiB"

# Runs a command under the time limit while device memory is sampled; sets `status` and `peak_mib`.
measured() {
    local name="$1" started_s elapsed_s sampler
    shift
    say "== $name"
    nvidia-smi --id="$gpu_index" --query-gpu=memory.used --format=csv,noheader,nounits --loop-ms=200 >"$work/samples" 2>/dev/null &
    sampler=$!
    started_s=$SECONDS
    timeout "$limit_s" "$@" >"$work/stdout" 2>"$work/stderr"
    status=$?
    elapsed_s=$((SECONDS - started_s))
    kill "$sampler" 2>/dev/null
    wait "$sampler" 2>/dev/null
    cat "$work/stdout" "$work/stderr" | sed "s#$work/##g; s#$PWD/##g" >>"$log"
    awk -v run="$name" '{ printf "%s,%.1f,%s\n", run, NR * 0.2, $1 }' "$work/samples" >>"$out/memory.csv"
    peak_mib="$(sort -n "$work/samples" | tail -1)"
    say "   exit $status after $elapsed_s s"
}

# The first number under a key of a JSON file; enough for records that minim itself writes, and needs no parser on the machine.
number() { tr -d '\n' <"$1" | grep -oE "\"$2\"[[:space:]]*:[[:space:]]*[-+0-9.eE]+" | head -1 | sed -E 's/.*:[[:space:]]*//'; }
rounded() { number "$1" "$2" | awk -v digits="$3" '{ printf "%.*f", digits, $1 }'; }
# The test scores alone: the record has validation scores under the same names.
test_score() { tr -d '\n' <"$1" | sed -nE 's/.*"scores"[^}]*\}[^}]*"test"[^{]*\{([^}]*)\}.*/{\1}/p' >"$work/scores" && number "$work/scores" "$2"; }

# BERT-base's shape around the shipped checkpoint's vocabulary; `init = "random"` reads no weights.
base_folder() {
    mkdir -p "$work/base-768"
    find "$checkpoint" -maxdepth 1 -type f \( -name 'tokenizer*' -o -name 'vocab.txt' -o -name 'special_tokens_map.json' \) \
        -exec cp {} "$work/base-768/" \;
    sed -E 's/("hidden_size"[^0-9]*)[0-9]+/\1768/; s/("num_hidden_layers"[^0-9]*)[0-9]+/\112/;
            s/("num_attention_heads"[^0-9]*)[0-9]+/\112/; s/("intermediate_size"[^0-9]*)[0-9]+/\13072/;
            s/("max_position_embeddings"[^0-9]*)[0-9]+/\1512/' \
        "$checkpoint/config.json" >"$work/base-768/config.json"
}

experiment() {
    local model="$1" path="$2" init="$3" method="$4" precision="$5" base="$6" learning_rate length
    length="$(number "$work/$path/config.json" max_position_embeddings)"
    [ "${length:-128}" -le 128 ] || length=128
    case "$method" in
    lora) learning_rate=1e-3 ;;
    ia3) learning_rate=5e-3 ;;
    full) learning_rate=1e-4 ;;
    esac
    cat <<TOML
name = "gpu-check"
seeds = [12]

[[model]]
name = "$model"
path = "$path"
init = "$init"

[[task]]
name = "sample"
kind = "$task_kind"
dataset = "$task_dataset"
data = "$task_data"
max_length = $length

[[method]]
name = "$method"
kind = "$method"

[training]
epochs = 20
max_steps = $steps
batch_size = 32
learning_rate = $learning_rate
precision = "$precision"
base_precision = "$base"
TOML
}

# One training run and its row in the report.
train() {
    local model="$1" path="$2" init="$3" method="$4" precision="$5" where="$6" base="${7:-}"
    # As a run holds it that does not say: as it computes, and what is trained whole in fp32.
    [ -n "$base" ] || { [ "$method" = full ] && base=fp32 || base="$precision"; }
    local name="$model-$method-$precision-on-$base-${where%%:*}" record
    experiment "$model" "$path" "$init" "$method" "$precision" "$base" >"$work/$name.toml"
    measured "$name" "$binary" train "$work/$name.toml" --out "$work/$name" --device "$where"
    record="$(find "$work/$name" -maxdepth 1 -name '*.json' 2>/dev/null | head -1)"
    if [ "$status" -ne 0 ] || [ -z "$record" ]; then
        printf '| %s | %s | %s | %s | %s | failed (exit %s) | | | | | | |\n' "$model" "$method" "$precision" "$base" "$where" "$status" >>"$work/rows"
        failures=$((failures + 1))
        return
    fi
    { tr -d '\n' <"$record" && echo; } >>"$out/runs.jsonl"
    local device_bytes
    device_bytes="$(number "$record" peak_device_memory_bytes)"
    printf '| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n' "$model" "$method" "$precision" "$base" "$where" \
        "$(rounded "$record" train_tokens_per_s 0)" "$(rounded "$record" evaluate_tokens_per_s 0)" \
        "$(rounded "$record" train_s 1)" "$(number "$record" base_memory_bytes)" "${device_bytes:-null}" \
        "$([ "$where" = cpu ] || echo "$peak_mib")" "$(test_score "$record" macro_f1)" >>"$work/rows"
}

failures=0
: >"$work/rows"
idle_mib="$(query memory.used)"

selfcheck_result="not run"
for stage in $stages; do
    case "$stage" in
    selfcheck)
        measured selfcheck "$binary" selfcheck --device "$device" --fixtures "$fixtures" --out "$work/selfcheck"
        found="$(find "$work/selfcheck" -name '*.json' 2>/dev/null | head -1)"
        sed "s#$work/##g; s#$PWD/##g" "${found:-$work/stdout}" >"$out/selfcheck.json"
        selfcheck_result="exit $status"
        [ "$status" -eq 0 ] || failures=$((failures + 1))
        ;;
    mini | base)
        if [ "$stage" = base ]; then
            base_folder
            model=base-768 path=base-768 init=random
        else
            model=mini-2x128 path="$checkpoint" init=pretrained
        fi
        for method in lora ia3 full; do
            for precision in fp32 bf16; do
                train "$model" "$path" "$init" "$method" "$precision" "$device"
            done
            # Training differs from the CPU's in its dropout draws: compare scores, not losses.
            [ "$stage" = base ] || train "$model" "$path" "$init" "$method" fp32 cpu
        done
        ;;
    quantised)
        base_folder
        for base in fp32 bf16 int8 nf4; do
            train mini-2x128 "$checkpoint" pretrained lora fp32 "$device" "$base"
            train mini-2x128 "$checkpoint" pretrained lora fp32 cpu "$base"
            train base-768 base-768 random lora bf16 "$device" "$base"
        done
        ;;
    *)
        echo "gpu.sh: no stage $stage (selfcheck, mini, quantised, base)" >&2
        exit 2
        ;;
    esac
done

{
    echo "# minim on $(query name)"
    echo
    echo "Written by \`scripts/gpu.sh\`, $(date --utc +%Y-%m-%d); driver $(query driver_version), $("$binary" --version 2>/dev/null)."
    echo "Device memory in use before the first step: ${idle_mib:-unknown} MiB. Steps that failed: $failures."
    echo
    echo "## Against the fixtures and the CPU ($selfcheck_result)"
    echo
    echo '```json'
    cat "$out/selfcheck.json" 2>/dev/null
    echo '```'
    echo
    echo "## Short training runs"
    echo
    echo "$steps steps of 32 x at most 128 tokens (fewer where the model has fewer positions) on a synthetic sample; base-768 starts from random weights. The first steps compile"
    echo "and time kernels, and are part of the figures: they are a lower bound on speed. \`sampled\` is nvidia-smi's reading of the"
    echo "whole device, context included."
    echo
    echo "| model | method | precision | base in | device | train tokens/s | evaluate tokens/s | train s | base, bytes | peak device bytes (record) | peak MiB (sampled) | test macro F1 |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|"
    cat "$work/rows"
} >"$out/report.md"

echo "wrote $out/report.md; failed steps: $failures"
[ "$failures" -eq 0 ]
