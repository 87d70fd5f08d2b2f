#include "expert_matrix.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace onnxmoe {

namespace {

// Large blocks lie on huge pages where the system has them: a token reads whole experts, and would miss the TLB at every 4 KiB.
void* Allocate(size_t bytes) {
    constexpr size_t kHugePage = size_t{1} << 21;
    const size_t alignment = bytes >= kHugePage ? kHugePage : kAlignment;
    const size_t size = std::max<size_t>((bytes + alignment - 1) / alignment, 1) * alignment;
    void* memory = std::aligned_alloc(alignment, size);
    if (memory == nullptr) throw std::bad_alloc();
    if (alignment == kHugePage) madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

}  // namespace

void ExpertMatrix::Free::operator()(void* memory) const { std::free(memory); }

ExpertMatrix::ExpertMatrix(const Engine& engine, const StackedWeights& weights)
    : engine_(&engine),
      raw_(weights),
      half_(weights.half),
      gated_(weights.Gated()),
      experts_(weights.Experts()),
      depth_(weights.Depth()),
      width_(weights.Width()),
      panel_width_(gated_ ? engine.columns / 2 : engine.columns) {}

ExpertMatrix ExpertMatrix::Raw(const Engine& engine, const StackedWeights& weights) { return ExpertMatrix(engine, weights); }

ExpertMatrix ExpertMatrix::Pack(const Engine& engine, const StackedWeights& weights) {
    ExpertMatrix matrix(engine, weights);
    const int64_t elements = matrix.experts_ * matrix.Panels() * matrix.depth_ * engine.columns;
    matrix.packed_.reset(Allocate(elements * (matrix.half_ ? sizeof(Half) : sizeof(float))));
    for (int64_t e = 0; e < matrix.experts_; e++)
        for (int64_t p = 0; p < matrix.Panels(); p++)
            if (matrix.half_)
                matrix.CopyPanel(e, p, const_cast<Half*>(matrix.PackedPanel<Half>(e, p)));
            else
                matrix.CopyPanel(e, p, const_cast<float*>(matrix.PackedPanel<float>(e, p)));
    matrix.raw_ = {};
    return matrix;
}

template <class Element>
void ExpertMatrix::CopyPanel(int64_t expert, int64_t panel, Element* to) const {
    const int64_t column = panel * panel_width_;
    const int64_t count = std::min(panel_width_, width_ - column);
    for (int64_t k = 0; k < depth_; k++) {
        const int64_t from = (expert * depth_ + k) * width_ + column;
        to = std::copy_n(raw_.first.As<Element>() + from, count, to);
        to = std::fill_n(to, panel_width_ - count, Element{});
        if (!gated_) continue;
        to = std::copy_n(raw_.second.As<Element>() + from, count, to);
        to = std::fill_n(to, panel_width_ - count, Element{});
    }
}

const float* ExpertMatrix::FloatPanel(int64_t expert, int64_t panel, float* work) const {
    const int64_t size = depth_ * engine_->columns;
    if (packed_ != nullptr && !half_) return PackedPanel<float>(expert, panel);
    if (packed_ != nullptr) {
        engine_->widen(PackedPanel<Half>(expert, panel), size, work);
    } else if (!half_) {
        CopyPanel(expert, panel, work);
    } else {
        // The halves fill the upper half of the working memory; widening from the front never overtakes reading.
        Half* halves = reinterpret_cast<Half*>(work) + size;
        CopyPanel(expert, panel, halves);
        engine_->widen(halves, size, work);
    }
    return work;
}

}  // namespace onnxmoe
