// Products of quantized rows with panels of integer codes (see engine.h), for any vector size; included after tile.inl.
//
// The including file may define, where the processor has instructions for it, ENGINE_DOT_PRODUCTS and
//   struct Int8Codes, struct Int4Codes:
//     kOffset               what the panel's bytes exceed the codes by
//     Sum                   vector of sums
//     Add(Sum, w, x)        the sums plus the products of bytes, neighbours added together
//     Total(Sum)            kWidth sums of 4 neighbours each
// All integer results are exact, so that every implementation gives the same.

typedef int8_t UnalignedBytes __attribute__((vector_size(kVectorBytes), aligned(1), may_alias));
typedef int32_t UnalignedInt __attribute__((aligned(1), may_alias));

constexpr int kCodeGroups = kQuantBlock / 4;

#ifndef ENGINE_DOT_PRODUCTS
// 16-bit sums of two neighbouring products: at most 2 * 128 * 127.
inline ShortVector DotPairs(Bytes w, Bytes x) {
    const ShortVector ws = reinterpret_cast<ShortVector>(w), xs = reinterpret_cast<ShortVector>(x);
    return (ws << 8 >> 8) * (xs << 8 >> 8) + (ws >> 8) * (xs >> 8);
}

inline IntVector SumPairs(ShortVector pairs) {
    const IntVector both = reinterpret_cast<IntVector>(pairs);
    return (both << 16 >> 16) + (both >> 16);
}

struct Int8Codes {
    static constexpr int kOffset = 0, kBits = 8;
    using Sum = IntVector;
    static Sum Add(Sum sum, Bytes w, Bytes x) { return sum + SumPairs(DotPairs(w, x)); }
    static IntVector Total(Sum sum) { return sum; }
};

// Codes from 0 to 15: the sums over a block of 32 fit into 16 bits, 16 * 15 * 127.
struct Int4Codes {
    static constexpr int kOffset = 8, kBits = 4;
    using Sum = ShortVector;
    static Sum Add(Sum sum, Bytes w, Bytes x) { return sum + DotPairs(w, x); }
    static IntVector Total(Sum sum) { return SumPairs(sum); }
};
#endif

inline Bytes LoadBytes(const int8_t* from) { return *reinterpret_cast<const UnalignedBytes*>(from); }

// Four neighbouring bytes in every element.
inline Bytes Repeat4(const int8_t* from) { return reinterpret_cast<Bytes>(*reinterpret_cast<const UnalignedInt*>(from) - IntVector{}); }

// One block's integer sums; every code is loaded once for all rows.
template <class Codes, int Rows>
inline void SumBytes(const int8_t* panel, const int8_t* const* x, typename Codes::Sum (&sum)[Rows][kVectors]) {
#pragma GCC unroll 2
    for (int g = 0; g < kCodeGroups; g++) {
        Bytes w[kVectors];
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; v++) w[v] = LoadBytes(panel + (g * kVectors + v) * kVectorBytes);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; r++) {
            const Bytes value = Repeat4(x[r] + 4 * g);
#pragma GCC unroll 16
            for (int v = 0; v < kVectors; v++) sum[r][v] = Codes::Add(sum[r][v], w[v], value);
        }
    }
}

// As above; a byte holds the codes of two groups, the first in its low half.
template <class Codes, int Rows>
inline void SumHalfBytes(const int8_t* panel, const int8_t* const* x, typename Codes::Sum (&sum)[Rows][kVectors]) {
#pragma GCC unroll 2
    for (int g = 0; g < kCodeGroups; g += 2) {
        Bytes low[kVectors], high[kVectors];
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; v++) {
            const Bytes both = LoadBytes(panel + (g / 2 * kVectors + v) * kVectorBytes);
            low[v] = both & 15;
            high[v] = reinterpret_cast<Bytes>(reinterpret_cast<ShortVector>(both) >> 4) & 15;
        }
#pragma GCC unroll 16
        for (int r = 0; r < Rows; r++) {
            const Bytes first = Repeat4(x[r] + 4 * g), second = Repeat4(x[r] + 4 * g + 4);
#pragma GCC unroll 16
            for (int v = 0; v < kVectors; v++) sum[r][v] = Codes::Add(Codes::Add(sum[r][v], low[v], first), high[v], second);
        }
    }
}

template <class Codes>
struct CodeProduct {
    static constexpr int kMostRows = kQuantizedRows, kPairs = 2;

    // The panels take turns at every block.
    template <int Rows, int Panels>
    static void Run(const void* const* x, const void* const* panels, int64_t depth, float* tile) {
        constexpr int kCodeBytes = kQuantBlock * kColumns * Codes::kBits / 8, kBlockBytes = kCodeBytes + kColumns * sizeof(Half);
        // Codes come from memory once: ask for them so many bytes ahead.
        constexpr int kAhead = Panels == 1 ? 1536 : 768;
        const int64_t blocks = QuantizedBlocks(depth);
        const int8_t* row[Rows];
        const float* scale[Rows];
        const int32_t* correction[Rows];
        for (int r = 0; r < Rows; r++) {
            row[r] = static_cast<const int8_t*>(x[r]);
            scale[r] = QuantizedScales(row[r], blocks);
            correction[r] = QuantizedCorrections(row[r], blocks);
        }
        // The results lie in the tile, in memory: the integer sums need the registers.
        for (int i = 0; i < Panels * Rows * kColumns; i += kWidth) Store(tile + i, Vector{});
        for (int64_t b = 0; b < blocks; b++) {
            for (int p = 0; p < Panels; p++) {
                const int8_t* panel = static_cast<const int8_t*>(panels[p]) + b * kBlockBytes;
                for (int line = 0; line < kBlockBytes; line += 64) __builtin_prefetch(panel + kAhead + line);
                typename Codes::Sum sum[Rows][kVectors] = {};
                if constexpr (Codes::kBits == 8)
                    SumBytes<Codes, Rows>(panel, row, sum);
                else
                    SumHalfBytes<Codes, Rows>(panel, row, sum);
                Vector weight_scale[kVectors];
#pragma GCC unroll 16
                for (int v = 0; v < kVectors; v++)
                    weight_scale[v] = WidenHalves(reinterpret_cast<const Half*>(panel + kCodeBytes) + v * kWidth);
#pragma GCC unroll 16
                for (int r = 0; r < Rows; r++) {
                    const Vector row_scale = Fill(scale[r][b]);
                    const IntVector row_correction = correction[r][b] - IntVector{};
#pragma GCC unroll 16
                    for (int v = 0; v < kVectors; v++) {
                        float* result = tile + (p * Rows + r) * kColumns + v * kWidth;
                        const Vector total = __builtin_convertvector(Codes::Total(sum[r][v]) + row_correction, Vector);
                        Store(result, Load(result) + total * (weight_scale[v] * row_scale));
                    }
                }
                asm volatile("" : : : "memory");  // or the compiler would keep them in registers, and the sums in memory
            }
            for (int r = 0; r < Rows; r++) row[r] += kQuantBlock;
        }
    }
};

// The lowest byte of each element, side by side in the first of the result.
inline Bytes LowBytes(IntVector v) {
    Bytes from{};
    for (int i = 0; i < kWidth; i++) from[i] = 4 * i;
    return __builtin_shuffle(reinterpret_cast<Bytes>(v), from);
}

// Every element meets that of the distance `Step`.
template <int Step, class AnyVector>
inline AnyVector Swapped(AnyVector v) {
    IntVector from;
    for (int i = 0; i < kWidth; i++) from[i] = i ^ Step;
    return __builtin_shuffle(v, from);
}

// The largest, or the sum, of all elements in each of them.
template <int Step = kWidth / 2>
inline Vector LargestOf(Vector v) {
    const Vector other = Swapped<Step>(v), largest = other > v ? other : v;
    if constexpr (Step == 1)
        return largest;
    else
        return LargestOf<Step / 2>(largest);
}

template <int Step = kWidth / 2, class AnyVector>
inline AnyVector SumOf(AnyVector v) {
    if constexpr (Step == 1)
        return v + Swapped<Step>(v);
    else
        return SumOf<Step / 2>(v + Swapped<Step>(v));
}

// One block of a row: codes, their scale, and what the panel's offset adds to every product, negative.
inline void QuantizeBlock(const float* x, int offset, int8_t* codes, float* scale, int32_t* correction) {
    constexpr int kParts = kQuantBlock / kWidth;
    Vector largest{}, zero{};
    for (int i = 0; i < kParts; i++) {
        const Vector value = Load(x + i * kWidth);
        const Vector magnitude = value < 0.0f ? -value : value;
        largest = magnitude > largest ? magnitude : largest;
        zero += value * 0.0f;  // NaN if any value is not finite
    }
    const float maximum = LargestOf(largest)[0], not_finite = SumOf(zero)[0];
    const float inverse = maximum > 0 ? 127.0f / maximum : 0.0f;
    Vector scaled[kParts];
    for (int i = 0; i < kParts; i++) scaled[i] = Load(x + i * kWidth) * inverse;
    // The product is rounded by itself, not together with the sum below: codes do not depend on the instruction set.
    asm volatile("" : : "r"(scaled) : "memory");
    IntVector total{};
    for (int i = 0; i < kParts; i++) {
        // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
        const IntVector code = reinterpret_cast<IntVector>(scaled[i] + 12582912.0f) - 0x4b400000;
        total += code;
        const Bytes narrow = LowBytes(code);
        __builtin_memcpy(codes + i * kWidth, &narrow, kWidth);
    }
    *scale = maximum / 127.0f + not_finite;
    *correction = -offset * SumOf(total)[0];
}

void Quantize(WeightType weights, const float* x, int64_t depth, void* row) {
    const int offset = weights == WeightType::kInt8 ? Int8Codes::kOffset : Int4Codes::kOffset;
    const int64_t blocks = QuantizedBlocks(depth);
    int8_t* codes = static_cast<int8_t*>(row);
    float* scales = QuantizedScales(codes, blocks);
    int32_t* corrections = QuantizedCorrections(codes, blocks);
    for (int64_t b = 0; b < blocks; b++, codes += kQuantBlock) {
        const float* values = x + b * kQuantBlock;
        float rest[kQuantBlock];
        if (depth - b * kQuantBlock < kQuantBlock) {
            for (int i = 0; i < kQuantBlock; i++) rest[i] = b * kQuantBlock + i < depth ? values[i] : 0.0f;
            values = rest;
        }
        QuantizeBlock(values, offset, codes, scales + b, corrections + b);
    }
}

constexpr Engine MakeEngine(const char* name) {
    return {name,
            kColumns,
            {Multiplied<FloatProduct<float>>(), Multiplied<FloatProduct<Half>>(), Multiplied<CodeProduct<Int8Codes>>(),
             Multiplied<CodeProduct<Int4Codes>>()},
            Int8Codes::kOffset,
            Quantize,
            Widen,
            ActivateRow,
            AddScaled,
            Narrow,
            kRows,
            Attend<float>,
            Attend<Half>,
            Merge};
}
