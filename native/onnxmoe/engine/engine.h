#pragma once

#include <cstdint>
#include <type_traits>

#include "attention.h"
#include "weight_type.h"

// What the kernels need of the processor. Each instruction set has its own implementation (engine_*.cc: one text, tile.inl and
// tile_codes.inl, compiled for each), and the best one the processor has is chosen at run time.
//
// A panel is a strip of a weight matrix [depth, width]: `columns` neighbouring columns, row after row without gaps, zero beyond the
// last column. A gated panel holds columns / 2 columns of the gate matrix and beside them the same columns of the up matrix.
//
// A panel of integer codes holds block after block of 32 rows: the codes, then a Half of scale for each column. Within a block the codes
// of four rows lie together for each column, so that one 32-bit word of a quantized row meets a word of each column. int8 codes are
// bytes, increased by the engine's int8_offset; int4 codes are increased by 8 (0..15), and a byte holds the codes of two such groups of
// four rows, the first in its low half. Rows beyond the depth have the code 0.
//
// A quantized row of x holds an int8 code for every element in blocks of 32, then a float of scale for each block, then an int32 for
// each block: what the offset of the panel's codes adds to the block's product, negative.
//
// Every element of a product is summed over the depth in the same order with the same instructions, however many rows are multiplied
// together: a token's result does not depend on its company in the batch, bit for bit.

namespace onnxmoe {

enum class Activation { kIdentity, kRelu, kGelu, kSilu };

// The bits of an IEEE half-precision number.
struct Half {
    uint16_t bits;
};

constexpr int kQuantBlock = 32;

static constexpr int64_t QuantizedBlocks(int64_t depth) { return (depth + kQuantBlock - 1) / kQuantBlock; }

// Bytes of a quantized row, and its parts.
static constexpr int64_t QuantizedBytes(int64_t depth) { return QuantizedBlocks(depth) * (kQuantBlock + sizeof(float) + sizeof(int32_t)); }

template <class Byte>
static auto QuantizedScales(Byte* codes, int64_t blocks) {
    return reinterpret_cast<std::conditional_t<std::is_const_v<Byte>, const float, float>*>(codes + blocks * kQuantBlock);
}

template <class Byte>
static auto QuantizedCorrections(Byte* codes, int64_t blocks) {
    using Int = std::conditional_t<std::is_const_v<Byte>, const int32_t, int32_t>;
    return reinterpret_cast<Int*>(codes + blocks * (kQuantBlock + sizeof(float)));
}

constexpr int kMaxRows = 16;
constexpr int kMaxPanels = 4;
constexpr int kMaxColumns = 64;
constexpr int kAlignment = 64;

// Memory gives several streams more than one, so that few rows meet several panels at once: rows * panels up to `pairs`.
static constexpr int PanelsAtOnce(int pairs, int64_t rows) {
    return rows > pairs ? 1 : rows * kMaxPanels > pairs ? pairs / static_cast<int>(rows) : kMaxPanels;
}

struct Engine {
    const char* name;
    int columns;  // width of a panel

    // tile [count, rows, columns] = x [rows, depth] * each of the panels [depth, columns]. x is given row by row: floats, or quantized
    // rows for codes.
    struct Product {
        void (*multiply)(const void* const* x, int rows, const void* const* panels, int count, int64_t depth, float* tile);
        int rows;   // at most so many are multiplied together
        int pairs;  // with PanelsAtOnce(pairs, rows) panels at most
    };
    Product products[kWeightTypes];

    int int8_offset;

    // A row of floats [depth] to a quantized one [QuantizedBytes(depth)] for panels of the type. Codes are rounded to nearest, ties to
    // even, of x * (127 / m); m is the largest magnitude of the block, m / 127 its scale (NaN if a value is not finite).
    void (*quantize)(WeightType weights, const float* x, int64_t depth, void* row);

    const Product& ProductWith(WeightType type) const { return products[static_cast<int>(type)]; }

    // values[i] = halves[i]
    void (*widen)(const Half* halves, int64_t count, float* values);

    // One row of a tile to hidden units: columns of them, or columns / 2 when gated. The bias is laid out as the panel.
    void (*activate)(Activation activation, bool gated, const float* tile, const float* bias, float* hidden);

    // y[i] += scale * (tile[i] + bias[i]), i < count <= columns; bias may be null.
    void (*add_scaled)(const float* tile, const float* bias, float scale, int64_t count, float* y);

    // halves[i] = values[i], rounded to the nearest
    void (*narrow)(const float* values, int64_t count, Half* halves);

    int attended_rows;  // at most so many queries are attended together

    // partials [rows] = attention of the queries over one split, of which row r sees the first seen[r] > 0 positions; seen ascends.
    // See attention.h.
    void (*attend)(const Split<float>& split, const float* const* query, const int* seen, int rows, float* const* partials);
    void (*attend_half)(const Split<Half>& split, const float* const* query, const int* seen, int rows, float* const* partials);

    // Adds attention over the splits that follow to a partial.
    void (*merge)(const float* later, int64_t size, float* partial);
};

// The engine in use: the best the processor runs, unless the environment variable ONNXMOE_INSTRUCTIONS or ChooseEngine says otherwise.
const Engine& CurrentEngine();

// Chooses by name ("avx512vnni", "avx512", "avxvnni", "avx2", "plain"; "auto" = the best) for kernels created from now on; false if there
// is none such here.
bool ChooseEngine(const char* name);

}  // namespace onnxmoe
