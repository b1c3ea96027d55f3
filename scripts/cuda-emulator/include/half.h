// Numbers of 16 bits: every operation is done in 32 bits and rounded, as the device's are.
#pragma once
#include "emulator.h"

struct EmulatedBf16 {
    static float widen(uint16_t bits) {
        const uint32_t wide = (uint32_t)bits << 16;
        float x;
        memcpy(&x, &wide, 4);
        return x;
    }
    static uint16_t narrow(float x) {
        uint32_t wide;
        memcpy(&wide, &x, 4);
        if (x != x) return 0x7fff;
        return (uint16_t)((wide + 0x7fff + ((wide >> 16) & 1)) >> 16);
    }
};

struct EmulatedF16 {
    static float widen(uint16_t bits) {
        _Float16 x;
        memcpy(&x, &bits, 2);
        return (float)x;
    }
    static uint16_t narrow(float x) {
        const _Float16 narrow = (_Float16)x;
        uint16_t bits;
        memcpy(&bits, &narrow, 2);
        return bits;
    }
};

template <class Format>
struct alignas(2) EmulatedHalf {
    uint16_t bits;
    EmulatedHalf() = default;
    template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
    EmulatedHalf(T x) : bits(Format::narrow((float)x)) {}
    operator float() const { return Format::widen(bits); }

    friend EmulatedHalf operator+(EmulatedHalf a, EmulatedHalf b) { return (float)a + (float)b; }
    friend EmulatedHalf operator-(EmulatedHalf a, EmulatedHalf b) { return (float)a - (float)b; }
    friend EmulatedHalf operator*(EmulatedHalf a, EmulatedHalf b) { return (float)a * (float)b; }
    friend EmulatedHalf operator/(EmulatedHalf a, EmulatedHalf b) { return (float)a / (float)b; }
    friend EmulatedHalf operator-(EmulatedHalf a) { return -(float)a; }
    EmulatedHalf& operator+=(EmulatedHalf b) { return *this = *this + b; }
    EmulatedHalf& operator-=(EmulatedHalf b) { return *this = *this - b; }
    EmulatedHalf& operator*=(EmulatedHalf b) { return *this = *this * b; }
    EmulatedHalf& operator/=(EmulatedHalf b) { return *this = *this / b; }
    friend bool operator<(EmulatedHalf a, EmulatedHalf b) { return (float)a < (float)b; }
    friend bool operator>(EmulatedHalf a, EmulatedHalf b) { return (float)a > (float)b; }
    friend bool operator<=(EmulatedHalf a, EmulatedHalf b) { return (float)a <= (float)b; }
    friend bool operator>=(EmulatedHalf a, EmulatedHalf b) { return (float)a >= (float)b; }
    friend bool operator==(EmulatedHalf a, EmulatedHalf b) { return (float)a == (float)b; }
    friend bool operator!=(EmulatedHalf a, EmulatedHalf b) { return (float)a != (float)b; }

    friend EmulatedHalf __habs(EmulatedHalf a) { return fabsf(a); }
    friend EmulatedHalf __hmin(EmulatedHalf a, EmulatedHalf b) { return fminf(a, b); }
    friend EmulatedHalf __hmax(EmulatedHalf a, EmulatedHalf b) { return fmaxf(a, b); }
    friend EmulatedHalf __hmin_nan(EmulatedHalf a, EmulatedHalf b) { return __hisnan(a) ? a : __hisnan(b) ? b : __hmin(a, b); }
    friend EmulatedHalf __hmax_nan(EmulatedHalf a, EmulatedHalf b) { return __hisnan(a) ? a : __hisnan(b) ? b : __hmax(a, b); }
    friend EmulatedHalf __hfma(EmulatedHalf a, EmulatedHalf b, EmulatedHalf c) { return fmaf(a, b, c); }
    friend bool __hisnan(EmulatedHalf a) { return std::isnan((float)a); }
    friend bool __hisinf(EmulatedHalf a) { return std::isinf((float)a); }
    friend EmulatedHalf hexp(EmulatedHalf a) { return expf(a); }
    friend EmulatedHalf hlog(EmulatedHalf a) { return logf(a); }
    friend EmulatedHalf hsin(EmulatedHalf a) { return sinf(a); }
    friend EmulatedHalf hcos(EmulatedHalf a) { return cosf(a); }
    friend EmulatedHalf htanh(EmulatedHalf a) { return tanhf(a); }
    friend EmulatedHalf hsqrt(EmulatedHalf a) { return sqrtf(a); }
    friend EmulatedHalf hrsqrt(EmulatedHalf a) { return 1.0f / sqrtf(a); }
    friend EmulatedHalf hrcp(EmulatedHalf a) { return 1.0f / (float)a; }
    friend EmulatedHalf hceil(EmulatedHalf a) { return ceilf(a); }
    friend EmulatedHalf htrunc(EmulatedHalf a) { return truncf(a); }
    friend EmulatedHalf hfloor(EmulatedHalf a) { return floorf(a); }
    friend EmulatedHalf hrint(EmulatedHalf a) { return rintf(a); }
};

// Two of them in one register.
#define EMULATED_EACH(name, one) \
    friend EmulatedPair name(EmulatedPair a) { return {one(a.x), one(a.y)}; }
#define EMULATED_BOTH(name, one) \
    friend EmulatedPair name(EmulatedPair a, EmulatedPair b) { return {one(a.x, b.x), one(a.y, b.y)}; }

template <class H>
struct alignas(4) EmulatedPair {
    H x, y;
    EmulatedPair() = default;
    EmulatedPair(H x, H y) : x(x), y(y) {}
    EmulatedPair(H both) : x(both), y(both) {}
    template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
    EmulatedPair(T both) : x(both), y(both) {}

    friend EmulatedPair operator+(EmulatedPair a, EmulatedPair b) { return {a.x + b.x, a.y + b.y}; }
    friend EmulatedPair operator-(EmulatedPair a, EmulatedPair b) { return {a.x - b.x, a.y - b.y}; }
    friend EmulatedPair operator*(EmulatedPair a, EmulatedPair b) { return {a.x * b.x, a.y * b.y}; }
    friend EmulatedPair operator/(EmulatedPair a, EmulatedPair b) { return {a.x / b.x, a.y / b.y}; }
    friend EmulatedPair operator-(EmulatedPair a) { return {-a.x, -a.y}; }
    friend EmulatedPair __hfma2(EmulatedPair a, EmulatedPair b, EmulatedPair c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
    EMULATED_EACH(__habs2, __habs)
    EMULATED_EACH(h2exp, hexp)
    EMULATED_EACH(h2log, hlog)
    EMULATED_EACH(h2sin, hsin)
    EMULATED_EACH(h2cos, hcos)
    EMULATED_EACH(h2tanh, htanh)
    EMULATED_EACH(h2sqrt, hsqrt)
    EMULATED_EACH(h2rsqrt, hrsqrt)
    EMULATED_EACH(h2rcp, hrcp)
    EMULATED_EACH(h2ceil, hceil)
    EMULATED_EACH(h2trunc, htrunc)
    EMULATED_EACH(h2floor, hfloor)
    EMULATED_EACH(h2rint, hrint)
    EMULATED_BOTH(__hmin2, __hmin)
    EMULATED_BOTH(__hmax2, __hmax)
    EMULATED_BOTH(__hmin2_nan, __hmin_nan)
    EMULATED_BOTH(__hmax2_nan, __hmax_nan)
};
