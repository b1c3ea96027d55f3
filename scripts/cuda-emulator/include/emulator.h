// What CUDA C++ kernels of cubecl use, as host code: built-in variables, warp and block operations, device functions.
//
// A kernel's thread is a fibre of driver.cpp. Kept to what burn's kernels were seen to need: a kernel that needs more does not compile, and
// says what is missing.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

struct EmulatedDim3 {
    unsigned x, y, z;
};

// Where the thread that runs now stands. driver.cpp has the same.
struct EmulatedThread {
    EmulatedDim3 thread, block, threads, blocks;
    char* shared;
};

extern "C" {
extern thread_local EmulatedThread emulated_thread;
void emulated_wait_for_block();
// Waits for the lanes of the warp; gives back which of them came, and where what each of them brought lies.
unsigned emulated_exchange(const void* brought, int size, void** others, unsigned* lane);
}

#define threadIdx (emulated_thread.thread)
#define blockIdx (emulated_thread.block)
#define blockDim (emulated_thread.threads)
#define gridDim (emulated_thread.blocks)
#define warpSize 32
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __grid_constant__
#define __restrict__
#define __launch_bounds__(...)
#define __syncthreads emulated_wait_for_block

inline void __threadfence() {}
inline unsigned __activemask() { return ~0u; }

inline void __syncwarp(unsigned = ~0u) {
    char nothing = 0;
    void* others[32];
    unsigned lane;
    emulated_exchange(&nothing, 1, others, &lane);
}

template <class T>
T emulated_from_lane(T value, unsigned (*from)(unsigned, int), int argument) {
    void* others[32];
    unsigned lane;
    const unsigned came = emulated_exchange(&value, sizeof(T), others, &lane);
    const unsigned source = from(lane, argument);
    if (source < 32 && (came >> source & 1)) memcpy(&value, others[source], sizeof(T));
    return value;
}

template <class T>
T __shfl_sync(unsigned, T value, int lane) {
    return emulated_from_lane(value, +[](unsigned, int lane) { return (unsigned)lane & 31; }, lane);
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
    return emulated_from_lane(value, +[](unsigned lane, int mask) { return lane ^ (unsigned)mask; }, mask);
}
template <class T>
T __shfl_up_sync(unsigned, T value, int distance) {
    return emulated_from_lane(value, +[](unsigned lane, int by) { return (int)lane >= by ? lane - by : lane; }, distance);
}
template <class T>
T __shfl_down_sync(unsigned, T value, int distance) {
    return emulated_from_lane(value, +[](unsigned lane, int by) { return lane + by < 32 ? lane + by : lane; }, distance);
}

inline unsigned __ballot_sync(unsigned, int vote) {
    char voted = vote != 0;
    void* others[32];
    unsigned lane, votes = 0;
    const unsigned came = emulated_exchange(&voted, 1, others, &lane);
    for (int i = 0; i < 32; i++)
        if (came >> i & 1) votes |= (unsigned)(*(char*)others[i]) << i;
    return votes;
}
inline int __any_sync(unsigned mask, int vote) { return __ballot_sync(mask, vote) != 0; }
inline int __all_sync(unsigned mask, int vote) { return __ballot_sync(mask, !vote) == 0; }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __mulhi(int a, int b) { return (int)(((long long)a * b) >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((unsigned long long)a * b) >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}
inline int __dp4a(int a, int b, int c) {
    for (int i = 0; i < 32; i += 8) c += (int8_t)(a >> i) * (int8_t)(b >> i);
    return c;
}

inline float __fdividef(float a, float b) { return a / b; }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __tanhf(float x) { return tanhf(x); }
inline float __powf(float a, float b) { return powf(a, b); }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frsqrt_rn(float x) { return 1.0f / sqrtf(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float rsqrt(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }

// CUDA's min and max take arguments of two types.
template <class A, class B>
inline auto min(A a, B b) -> decltype(a + b) {
    using T = decltype(a + b);
    if constexpr (std::is_floating_point_v<T>) return std::fmin((T)a, (T)b);
    else return (T)a < (T)b ? (T)a : (T)b;
}
template <class A, class B>
inline auto max(A a, B b) -> decltype(a + b) {
    using T = decltype(a + b);
    if constexpr (std::is_floating_point_v<T>) return std::fmax((T)a, (T)b);
    else return (T)a > (T)b ? (T)a : (T)b;
}
using std::abs, std::acos, std::acosh, std::asin, std::asinh, std::atan, std::atan2, std::atanh, std::ceil, std::cos, std::cosh, std::erf, std::exp;
using std::expm1, std::fabs, std::floor, std::fma, std::fmod, std::isinf, std::isnan, std::log, std::log1p, std::pow, std::rint, std::round;
using std::sin, std::sinh, std::sqrt, std::tan, std::tanh, std::trunc;

template <class T, class F>
T emulated_atomic(T* place, F next) {
    T found, wanted;
    __atomic_load(place, &found, __ATOMIC_SEQ_CST);
    do wanted = next(found);
    while (!__atomic_compare_exchange(place, &found, &wanted, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return found;
}
// The place comes as a pointer or, from inline PTX, as its bits.
template <class P, class T>
T emulated_atomic_add(P place, T value) {
    return emulated_atomic((T*)(uintptr_t)place, [=](T found) { return (T)(found + value); });
}
template <class P, class T>
T emulated_atomic_min(P place, T value) {
    return emulated_atomic((T*)(uintptr_t)place, [=](T found) { return found < value ? found : value; });
}
template <class P, class T>
T emulated_atomic_max(P place, T value) {
    return emulated_atomic((T*)(uintptr_t)place, [=](T found) { return found > value ? found : value; });
}
template <class T>
T atomicExch(T* place, T value) {
    return emulated_atomic(place, [=](T) { return value; });
}
template <class T>
T atomicCAS(T* place, T expected, T value) {
    __atomic_compare_exchange(place, &expected, &value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}

// Calls a kernel with arguments that lie where the driver's interface says: a pointer to each.
template <class... A>
void emulated_call(void (*kernel)(A...), void** arguments) {
    [&]<size_t... I>(std::index_sequence<I...>) {
        kernel(*(std::remove_cvref_t<A>*)arguments[I]...);
    }(std::index_sequence_for<A...>{});
}
