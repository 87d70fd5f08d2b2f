#pragma once

#include <cstdint>
#include <memory>

#include "engine/engine.h"
#include "ort.h"

namespace onnxmoe {

// Matrices stacked for the experts, [E, depth, width]. Codes have scales, [E, ceil(depth / 32), width], and of int4 codes two lie in a
// byte, [E, ceil(depth / 2), width]: that of the even depth in the low half, that of the odd one (or 8) in the high half, each increased
// by 8.
struct Stack {
    Tensor elements;
    Tensor scales;
};

// Rows in which a tensor of the type holds a matrix of the depth.
inline int64_t StoredRows(WeightType type, int64_t depth) { return type == WeightType::kInt4 ? (depth + 1) / 2 : depth; }

// The stacked matrices of the experts: one stack, or a gate and an up stack side by side.
struct StackedWeights {
    WeightType type;
    Stack first;   // the gate matrices when there are two
    Stack second;  // absent, or of the same shape

    bool Gated() const { return second.elements.Exists(); }
    int64_t Experts() const { return first.elements.shape[0]; }
    int64_t Depth() const { return first.elements.shape[1] * (type == WeightType::kInt4 ? 2 : 1); }  // int4: or one less
    int64_t Width() const { return first.elements.shape[2]; }
};

// Stacked matrices as panels of an engine (see engine.h): rearranged once when they are constant, else from the raw tensors as needed.
class ExpertMatrix {
   public:
    // Keeps the rearranged copy; the element type stays, and scales become halves.
    static ExpertMatrix Pack(const Engine& engine, const StackedWeights& weights);

    // Looks at the raw tensors, which must outlive it.
    static ExpertMatrix Raw(const Engine& engine, const StackedWeights& weights);

    int64_t Experts() const { return experts_; }
    int64_t Depth() const { return depth_; }
    int64_t Width() const { return width_; }
    WeightType Type() const { return type_; }

    // Columns of each matrix in one panel.
    int64_t PanelWidth() const { return panel_width_; }
    int64_t Panels() const { return panels_; }

    // Bytes of one panel: what a row of x makes the processor read.
    int64_t PanelBytes() const { return panel_bytes_; }

    // Bytes of working memory that Multiply needs for so many rows; mostly 0 for packed matrices.
    int64_t WorkBytes(int64_t rows) const;

    // Tasks in which a product of so many rows does best; each takes every Tasks-th panel, so that those it multiplies together are far
    // apart. `products`: such products that run side by side.
    int64_t Tasks(int64_t rows, int64_t products) const;

    // For every step-th panel from the first on, and each of the rows x (floats, or quantized rows for codes):
    // finish(panel, row number, row of the product with the panel [engine.columns]).
    template <class Finish>
    void Multiply(int64_t expert, int64_t first, int64_t step, const void* const* x, int64_t rows, void* work, const Finish& finish) const;

   private:
    struct Free {
        void operator()(void* memory) const;
    };

    ExpertMatrix(const Engine& engine, const StackedWeights& weights);

    // Rearranges a panel of the raw tensors.
    void CopyPanel(int64_t expert, int64_t panel, void* to) const;

    // Widening halves on the way saves memory traffic, and beside the multiplications it costs little. Only where very many rows read them
    // again and again, they are widened once.
    bool Widens(int64_t rows) const { return type_ == WeightType::kHalf && rows > 8 * engine_->ProductWith(type_).rows; }

    // Panels multiplied at once with so many rows.
    int64_t Together(int64_t rows) const {
        return packed_ == nullptr || Widens(rows) ? 1 : PanelsAtOnce(engine_->ProductWith(type_).pairs, rows);
    }

    // A panel ready to be multiplied, in `work` if it must be rearranged or widened first.
    const void* Prepare(int64_t expert, int64_t panel, int64_t rows, void* work) const;

    const Engine* engine_;
    StackedWeights raw_;
    WeightType type_;
    bool gated_;
    int64_t experts_, depth_, width_, panel_width_, panels_, panel_bytes_;
    std::unique_ptr<char, Free> packed_;
};

template <class Finish>
void ExpertMatrix::Multiply(int64_t expert, int64_t first, int64_t step, const void* const* x, int64_t rows, void* work,
                            const Finish& finish) const {
    const Engine::Product& product = engine_->ProductWith(Widens(rows) ? WeightType::kFloat : type_);
    alignas(kAlignment) float tile[kMaxRows * kMaxColumns];
    const int64_t blocks = (rows + product.rows - 1) / product.rows, together = Together(rows);
    for (int64_t next = first; next < panels_; next += together * step) {
        const void* panels[kMaxPanels];
        int count = 0;
        for (int64_t p = next; p < panels_ && count < together; p += step) panels[count++] = Prepare(expert, p, rows, work);
        for (int64_t b = 0; b < blocks; b++) {
            // Blocks of even height: 7 rows are 4 + 3 and not 6 + 1.
            const int64_t begin = rows * b / blocks, end = rows * (b + 1) / blocks;
            const int height = static_cast<int>(end - begin);
            product.multiply(x + begin, height, panels, count, depth_, tile);
            for (int i = 0; i < count * height; i++) finish(next + i / height * step, begin + i % height, tile + i * engine_->columns);
        }
    }
}

}  // namespace onnxmoe
