#pragma once

#include <cstdint>

#include "weight_type.h"
#include "attention.h"

// What the kernels need of the processor. Each instruction set has its own implementation (engine_avx512.cc, engine_avx2.cc,
// engine_plain.cc: one text, tile.inl, compiled three times), and the best one the processor has is chosen at run time.
//
// A panel is a strip of a weight matrix [depth, width]: `columns` neighbouring columns, row after row without gaps, zero beyond the
// last column. A gated panel holds columns / 2 columns of the gate matrix and beside them the same columns of the up matrix.
//
// Every element of a product is summed over the depth in the same order with the same instructions, however many rows are multiplied
// together: a token's result does not depend on its company in the batch, bit for bit.

namespace onnxmoe {

enum class Activation { kIdentity, kRelu, kGelu, kSilu };

// The bits of an IEEE half-precision number.
struct Half {
    uint16_t bits;
};

constexpr int kMaxRows = 16;
constexpr int kMaxColumns = 64;
constexpr int kAlignment = 64;

struct Engine {
    const char* name;
    int rows;     // at most so many rows are multiplied together
    int columns;  // width of a panel

    // tile [rows, columns] = x [rows, depth] * panel [depth, columns]; x is given row by row. By the weights' type.
    using Multiply = void (*)(const void* const* x, int rows, const void* panel, int64_t depth, float* tile);
    Multiply multiply[kWeightTypes];

    // values[i] = halves[i]
    void (*widen)(const Half* halves, int64_t count, float* values);

    // One row of a tile to hidden units: columns of them, or columns / 2 when gated. The bias is laid out as the panel.
    void (*activate)(Activation activation, bool gated, const float* tile, const float* bias, float* hidden);

    // y[i] += scale * (tile[i] + bias[i]), i < count <= columns; bias may be null.
    void (*add_scaled)(const float* tile, const float* bias, float scale, int64_t count, float* y);

    // halves[i] = values[i], rounded to the nearest
    void (*narrow)(const float* values, int64_t count, Half* halves);

    // partials [rows] = attention of the queries over one split, of which row r sees the first seen[r] > 0 positions; seen ascends.
    // See attention.h.
    void (*attend)(const Split<float>& split, const float* const* query, const int* seen, int rows, float* const* partials);
    void (*attend_half)(const Split<Half>& split, const float* const* query, const int* seen, int rows, float* const* partials);

    // Adds attention over the splits that follow to a partial.
    void (*merge)(const float* later, int64_t size, float* partial);
};

// The engine in use: the best the processor runs, unless the environment variable ONNXMOE_INSTRUCTIONS or ChooseEngine says otherwise.
const Engine& CurrentEngine();

// Chooses by name ("avx512", "avx2", "plain"; "auto" = the best) for kernels created from now on; false if there is none such here.
bool ChooseEngine(const char* name);

}  // namespace onnxmoe
