#!/usr/bin/env python3
"""Makes a host library of one CUDA C++ kernel as cubecl writes it: host_compile.py KERNEL.cu LIBRARY.so HOME"""

import os
import re
import subprocess
import sys

source, library, home = sys.argv[1:4]
with open(source) as file:
    text = file.read()

# The host has these names already.
text = re.sub(r"typedef (?:un)?signed [a-z ]+ u?int\d+_t;", "", text)
text = re.sub(r"extern __shared__ __align__\(\d+\) char (\w+)\[\];", r"char* \1 = emulated_thread.shared;", text)


def atomic(found):
    """Inline PTX: `asm volatile("atom.relaxed.add.f32 %0, [%1], %2;" : "=f"(result) : "l"(place), "f"(value) ...);`"""
    operation = re.search(r"atom\.relaxed\.(\w+)", found.group(0)).group(1)
    result, place, value = re.findall(r'"=?[a-z]"\s*\(([^()]*)\)', found.group(0))
    return f"{result} = emulated_atomic_{operation}({place}, {value});"


text = re.sub(r'asm\s+volatile\s*\(\s*"atom\.relaxed[^;]*;"[^;]*;', atomic, text)
name = re.search(r'extern "C" __global__\s+\w+\s+__launch_bounds__\(\d+\)\s+(\w+)\s*\(|__global__ void (\w+)', text)
name = name.group(1) or name.group(2)
# Threads that never wait for each other run one after the other, without fibres.
fibres = int(any(word in text for word in ("__sync", "__shfl", "__ballot", "__any_", "__all_")))
host = library[:-3] + ".cpp"
with open(host, "w") as file:
    file.write(f'#include "emulator.h"\n{text}\nextern "C" int emulated_fibres = {fibres};\n')
    file.write(f'extern "C" void emulated_kernel(void** arguments) {{ emulated_call({name}, arguments); }}\n')

# The flags are those of emulate.sh, or the header that it compiled in advance is not used.
flags = "-std=c++20 -O1 -march=native -ffp-contract=fast -fno-strict-aliasing -fpermissive -w -fPIC".split()
made = f"{library}.{os.getpid()}"
command = ["g++", *flags, "-shared", "-I", f"{home}/include", host, "-o", made, "-L", home, "-lcuda"]
if subprocess.run(command).returncode:
    sys.exit(1)
os.rename(made, library)
