#!/usr/bin/env bash
# Runs a command, as a minim built with feature `cuda`, over a CUDA device that does not exist: README.md beside this file.
#
#   scripts/cuda-emulator/emulate.sh COMMAND [ARGUMENT ...]
#
# Needs g++ 12 or newer and Python 3, on x86-64 Linux. Libraries and compiled kernels go to target/cuda-emulator.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
home="${EMULATED_HOME:-$here/../../target/cuda-emulator}"
mkdir -p "$home/kernels" "$home/include"
home="$(cd "$home" && pwd)"
flags=(-std=c++20 -O1 -march=native -ffp-contract=fast -fno-strict-aliasing -fpermissive -w -fPIC)
# What stands for some files. It is kept once what is made of them is made.
state() {
    echo "$(cat "$@" | sha256sum) ${flags[*]}"
}
changed() {
    [ "$2" != "$(cat "$home/$1.state" 2>/dev/null)" ]
}
kernels="$(state "$here/host_compile.py" "$here"/include/*.h)"
if changed kernels "$kernels"; then
    rm -f "$home/kernels.state" "$home"/kernels/* "$home"/include/*
    cp "$here"/include/*.h "$home/include/"
    cp "$here/host_compile.py" "$home/"
    g++ "${flags[@]}" -x c++-header "$home/include/emulator.h" -o "$home/include/emulator.h.gch"
    echo "$kernels" >"$home/kernels.state"
fi
libraries="$(state "$here"/*.cpp)"
if changed libraries "$libraries"; then
    g++ -std=c++20 -O2 -Wall -shared -fPIC -pthread "$here/driver.cpp" -ldl -Wl,-soname,libcuda.so -o "$home/libcuda.so"
    g++ -std=c++20 -O2 -Wall -shared -fPIC "$here/nvrtc.cpp" -ldl -Wl,-soname,libnvrtc.so -o "$home/libnvrtc.so"
    echo "$libraries" >"$home/libraries.state"
fi
EMULATED_HOME="$home" CUDA_PATH="$home" LD_LIBRARY_PATH="$home" exec "$@"
