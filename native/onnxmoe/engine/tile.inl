// The arithmetic of an engine in the compiler's vector types. The including file sets the size of a vector and of the register block:
//   kVectorBytes, kRows (rows multiplied together), kVectors (vectors side by side, even)
// and may define WidenHalves(const Half*) -> Vector and NarrowVector(const float*, Half*) where the processor has instructions for them
// (ENGINE_WIDENS).
//
// kRows * kVectors sums, kVectors weights and one value of x stay in registers: 6 * 4 of AVX-512's 32, 6 * 2 of AVX2's 16. Each step
// along the depth loads kVectors + kRows values for kRows * kVectors multiply-adds.
//
// No inline function of the C++ library may be used here: the linker could keep this file's copy of it, compiled for a newer processor,
// for the whole library.

typedef float Vector __attribute__((vector_size(kVectorBytes)));
typedef float UnalignedVector __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
typedef int32_t IntVector __attribute__((vector_size(kVectorBytes)));
typedef int16_t ShortVector __attribute__((vector_size(kVectorBytes)));
typedef int8_t Bytes __attribute__((vector_size(kVectorBytes)));

constexpr int kWidth = kVectorBytes / sizeof(float);
constexpr int kColumns = kVectors * kWidth;
static_assert(kRows <= kMaxRows && kColumns <= kMaxColumns && kVectors % 2 == 0);

inline Vector Load(const float* from) { return *reinterpret_cast<const UnalignedVector*>(from); }

inline void Store(float* to, Vector value) { *reinterpret_cast<UnalignedVector*>(to) = value; }

inline Vector Fill(float value) { return value - Vector{}; }

#ifndef ENGINE_WIDENS
inline float WidenHalf(Half half) {
    const uint32_t sign = (half.bits & 0x8000u) << 16;
    const uint32_t exponent = half.bits >> 10 & 31;
    const uint32_t mantissa = half.bits & 1023;
    union {
        uint32_t bits;
        float value;
    } result;
    if (exponent == 0) {
        result.value = static_cast<float>(mantissa) * 0x1p-24f;
        result.bits |= sign;
    } else {
        result.bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | mantissa << 13;
    }
    return result.value;
}

inline Vector WidenHalves(const Half* from) {
    Vector result;
    for (int i = 0; i < kWidth; i++) result[i] = WidenHalf(from[i]);
    return result;
}
#endif

inline Vector Load(const Half* from) { return WidenHalves(from); }

// Weights are used once by a call and come from the second-level cache or from memory: so many bytes ahead they are asked for, 0 where the
// processor does better by itself.
template <class Weight>
constexpr int Ahead(int panels) {
    constexpr bool is_half = sizeof(Weight) < sizeof(float);
    return panels == 1 ? (is_half ? 64 : 16) * kColumns * sizeof(Weight) : is_half ? 256 : 0;
}

// A product of rows and panels; Run as Engine::Product::multiply.
template <class Weight>
struct FloatProduct {
    static constexpr int kMostRows = kRows, kPairs = 6;

    template <int Rows, int Panels>
    static void Run(const void* const* x, const void* const* panels, int64_t depth, float* tile) {
        constexpr int kAhead = Ahead<Weight>(Panels);
        const float* row[Rows];
        for (int r = 0; r < Rows; r++) row[r] = static_cast<const float*>(x[r]);
        const Weight* panel[Panels];
        for (int p = 0; p < Panels; p++) panel[p] = static_cast<const Weight*>(panels[p]);
        Vector sum[Panels][Rows][kVectors] = {};
        for (int64_t k = 0; k < depth; k++) {
#pragma GCC unroll 16
            for (int p = 0; p < Panels; p++) {
                Vector weight[kVectors];
#pragma GCC unroll 16
                for (int v = 0; v < kVectors; v++) weight[v] = Load(panel[p] + v * kWidth);
                for (int line = 0; kAhead > 0 && line < static_cast<int>(kColumns * sizeof(Weight)); line += 64)
                    __builtin_prefetch(reinterpret_cast<const char*>(panel[p]) + kAhead + line);
#pragma GCC unroll 16
                for (int r = 0; r < Rows; r++) {
                    const Vector value = Fill(row[r][k]);
#pragma GCC unroll 16
                    for (int v = 0; v < kVectors; v++) sum[p][r][v] += value * weight[v];
                }
                panel[p] += kColumns;
            }
        }
#pragma GCC unroll 16
        for (int p = 0; p < Panels; p++)
#pragma GCC unroll 16
            for (int r = 0; r < Rows; r++)
#pragma GCC unroll 16
                for (int v = 0; v < kVectors; v++) Store(tile + (p * Rows + r) * kColumns + v * kWidth, sum[p][r][v]);
    }
};

// Engine::Product::multiply: finds the product whose constants are the numbers of rows and panels.
template <class Product, int Rows = Product::kMostRows, int Panels = PanelsAtOnce(Product::kPairs, Rows)>
void Multiply(const void* const* x, int rows, const void* const* panels, int count, int64_t depth, float* tile) {
    if (rows == Rows && count == Panels)
        Product::template Run<Rows, Panels>(x, panels, depth, tile);
    else if constexpr (Panels > 1)
        Multiply<Product, Rows, Panels - 1>(x, rows, panels, count, depth, tile);
    else if constexpr (Rows > 1)
        Multiply<Product, Rows - 1>(x, rows, panels, count, depth, tile);
}

template <class Product>
constexpr Engine::Product Multiplied() {
    return {Multiply<Product>, Product::kMostRows, Product::kPairs};
}

void Widen(const Half* halves, int64_t count, float* values) {
    int64_t i = 0;
    for (; i + kWidth <= count; i += kWidth) Store(values + i, Load(halves + i));
    if (i == count) return;
    Half rest[kWidth] = {};
    for (int64_t j = i; j < count; j++) rest[j - i] = halves[j];
    const Vector last = Load(rest);
    for (int64_t j = i; j < count; j++) values[j] = last[j - i];
}

// Horner's rule, the highest power first.
template <int Count>
Vector Polynomial(const float (&coefficients)[Count], Vector x) {
    Vector sum = Fill(coefficients[0]);
    for (int i = 1; i < Count; i++) sum = sum * x + coefficients[i];
    return sum;
}

// e^x to 1e-7 relative, for x from -86 to 88; values outside are moved to the nearer end.
inline Vector Exp(Vector x) {
    x = x < -86.0f ? Fill(-86.0f) : x;
    x = x > 88.0f ? Fill(88.0f) : x;
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    const Vector shifted = x * 1.44269504f + 12582912.0f;
    const Vector n = shifted - 12582912.0f;
    // ln 2 in two parts, the first of which times n is exact.
    const Vector r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    constexpr float kExp[] = {0.00139411166f, 0.00837513246f, 0.0416663513f, 0.166664153f, 0.5f, 1.0f, 1.0f};
    const Vector p = Polynomial(kExp, r);
    return reinterpret_cast<Vector>(reinterpret_cast<IntVector>(p) + (reinterpret_cast<IntVector>(shifted) << 23));
}

// The error function to 1.3e-7 absolute: x S(x^2) below 1, 1 - e^(a L(a)) above; S and L interpolate at Chebyshev's points.
inline Vector Erf(Vector x) {
    const IntVector sign = reinterpret_cast<IntVector>(x) & INT32_MIN;
    Vector a = reinterpret_cast<Vector>(reinterpret_cast<IntVector>(x) ^ sign);
    constexpr float kSmall[] = {7.87587487e-05f, -0.00080168643f, 0.00518908724f, -0.0268542115f, 0.112835944f, -0.37612626f, 1.12837911f};
    const Vector small = x * Polynomial(kSmall, x * x);
    const auto is_small = a < 1.0f;
    a = a > 4.0f ? Fill(4.0f) : a;
    constexpr float kLarge[] = {1.13846556e-06f, -3.60835475e-05f, 0.00051180966f, -0.0043574865f,
                                0.0252686404f,   -0.108035505f,    -0.63401413f,   -1.12894392f};
    const Vector large = 1.0f - Exp(a * Polynomial(kLarge, a));
    return is_small ? small : reinterpret_cast<Vector>(reinterpret_cast<IntVector>(large) | sign);
}

inline Vector Activate(Activation activation, Vector x) {
    switch (activation) {
        case Activation::kRelu:
            return x < 0.0f ? Vector{} : x;
        case Activation::kGelu:
            return 0.5f * x * (1.0f + Erf(x * 0.707106781f));
        case Activation::kSilu:
            return x / (1.0f + Exp(-x));
        case Activation::kIdentity:
            break;
    }
    return x;
}

void ActivateRow(Activation activation, bool gated, const float* tile, const float* bias, float* hidden) {
    const int columns = gated ? kColumns / 2 : kColumns;
    for (int i = 0; i < columns; i += kWidth) {
        Vector h = Activate(activation, Load(tile + i) + Load(bias + i));
        if (gated) h *= Load(tile + columns + i) + Load(bias + columns + i);
        Store(hidden + i, h);
    }
}

void AddScaled(const float* tile, const float* bias, float scale, int64_t count, float* y) {
    if (bias != nullptr)
        for (int64_t i = 0; i < count; i++) y[i] += scale * (tile[i] + bias[i]);
    else
        for (int64_t i = 0; i < count; i++) y[i] += scale * tile[i];
}
#include "attention.inl"
