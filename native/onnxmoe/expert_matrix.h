#pragma once

#include <cstdint>
#include <memory>

#include "engine/engine.h"
#include "ort.h"

namespace onnxmoe {

// The stacked matrices of the experts, [E, depth, width] each: one, or a gate and an up matrix side by side.
struct StackedWeights {
    Tensor first;   // the gate matrix when there are two
    Tensor second;  // absent, or of the same shape
    bool half;      // elements are Half, else float

    bool Gated() const { return second.Exists(); }
    int64_t Experts() const { return first.shape[0]; }
    int64_t Depth() const { return first.shape[1]; }
    int64_t Width() const { return first.shape[2]; }
};

// Stacked matrices as panels of an engine (see engine.h): rearranged once when they are constant, else from the raw tensors as needed.
class ExpertMatrix {
   public:
    // Keeps the rearranged copy; the element type stays.
    static ExpertMatrix Pack(const Engine& engine, const StackedWeights& weights);

    // Looks at the raw tensors, which must outlive it.
    static ExpertMatrix Raw(const Engine& engine, const StackedWeights& weights);

    int64_t Experts() const { return experts_; }
    int64_t Depth() const { return depth_; }
    int64_t Width() const { return width_; }

    // Columns of each matrix in one panel.
    int64_t PanelWidth() const { return panel_width_; }
    int64_t Panels() const { return (width_ + panel_width_ - 1) / panel_width_; }

    // Floats of working memory that Multiply needs; 0 for packed floats.
    int64_t WorkFloats() const { return packed_ != nullptr && !half_ ? 0 : depth_ * engine_->columns; }

    // For each of the rows x: finish(row number, row of the product with the panel [engine.columns]).
    template <class Finish>
    void Multiply(int64_t expert, int64_t panel, const float* const* x, int64_t rows, float* work, const Finish& finish) const;

   private:
    struct Free {
        void operator()(void* memory) const;
    };

    ExpertMatrix(const Engine& engine, const StackedWeights& weights);

    // Copies a panel out of the raw tensors.
    template <class Element>
    void CopyPanel(int64_t expert, int64_t panel, Element* to) const;

    // The panel as floats, in `work` if it must be rearranged or widened first.
    const float* FloatPanel(int64_t expert, int64_t panel, float* work) const;

    template <class Element>
    const Element* PackedPanel(int64_t expert, int64_t panel) const {
        return static_cast<const Element*>(packed_.get()) + (expert * Panels() + panel) * depth_ * engine_->columns;
    }

    const Engine* engine_;
    StackedWeights raw_;
    bool half_;
    bool gated_;
    int64_t experts_, depth_, width_, panel_width_;
    std::unique_ptr<void, Free> packed_;
};

template <class Finish>
void ExpertMatrix::Multiply(int64_t expert, int64_t panel, const float* const* x, int64_t rows, float* work, const Finish& finish) const {
    // Few rows read each weight once: widening on the way saves memory traffic. Many read it again and again: widen it once.
    const bool halves = half_ && packed_ != nullptr && rows <= engine_->rows;
    const Half* half_panel = halves ? PackedPanel<Half>(expert, panel) : nullptr;
    const float* float_panel = halves ? nullptr : FloatPanel(expert, panel, work);

    alignas(kAlignment) float tile[kMaxRows * kMaxColumns];
    const int64_t blocks = (rows + engine_->rows - 1) / engine_->rows;
    for (int64_t b = 0; b < blocks; b++) {
        // Blocks of even height: 7 rows are 4 + 3 and not 6 + 1.
        const int64_t begin = rows * b / blocks, end = rows * (b + 1) / blocks;
        const int count = static_cast<int>(end - begin);
        if (halves)
            engine_->multiply_half(x + begin, count, half_panel, depth_, tile);
        else
            engine_->multiply(x + begin, count, float_panel, depth_, tile);
        for (int r = 0; r < count; r++) finish(begin + r, tile + r * engine_->columns);
    }
}

}  // namespace onnxmoe
