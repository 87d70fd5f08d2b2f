#include "expert_matrix.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace onnxmoe {

namespace {

// Large blocks lie on huge pages where the system has them: a token reads whole experts, and would miss the TLB at every 4 KiB.
char* Allocate(size_t bytes) {
    constexpr size_t kHugePage = size_t{1} << 21;
    const size_t alignment = bytes >= kHugePage ? kHugePage : kAlignment;
    const size_t size = std::max<size_t>((bytes + alignment - 1) / alignment, 1) * alignment;
    void* memory = std::aligned_alloc(alignment, size);
    if (memory == nullptr) throw std::bad_alloc();
    if (alignment == kHugePage) madvise(memory, size, MADV_HUGEPAGE);
    return static_cast<char*>(memory);
}

// Copies `width` columns of `count` from each of the raw matrices side by side, row after row.
template <class Element>
void CopyColumns(const StackedWeights& raw, int64_t expert, int64_t column, int64_t width, Element* to) {
    const int64_t count = std::min(width, raw.Width() - column);
    for (int64_t k = 0; k < raw.Depth(); k++) {
        const int64_t from = (expert * raw.Depth() + k) * raw.Width() + column;
        to = std::copy_n(raw.first.As<Element>() + from, count, to);
        to = std::fill_n(to, width - count, Element{});
        if (!raw.Gated()) continue;
        to = std::copy_n(raw.second.As<Element>() + from, count, to);
        to = std::fill_n(to, width - count, Element{});
    }
}

}  // namespace

void ExpertMatrix::Free::operator()(void* memory) const { std::free(memory); }

ExpertMatrix::ExpertMatrix(const Engine& engine, const StackedWeights& weights)
    : engine_(&engine),
      raw_(weights),
      type_(weights.type),
      gated_(weights.Gated()),
      experts_(weights.Experts()),
      depth_(weights.Depth()),
      width_(weights.Width()),
      panel_width_(gated_ ? engine.columns / 2 : engine.columns) {}

ExpertMatrix ExpertMatrix::Raw(const Engine& engine, const StackedWeights& weights) { return ExpertMatrix(engine, weights); }

ExpertMatrix ExpertMatrix::Pack(const Engine& engine, const StackedWeights& weights) {
    ExpertMatrix matrix(engine, weights);
    const int64_t panels = matrix.Panels(), bytes = matrix.PanelBytes();
    std::unique_ptr<char, Free> packed(Allocate(matrix.experts_ * panels * bytes));
    for (int64_t e = 0; e < matrix.experts_; e++)
        for (int64_t p = 0; p < panels; p++) matrix.CopyPanel(e, p, packed.get() + (e * panels + p) * bytes);
    matrix.packed_ = std::move(packed);
    matrix.raw_ = {};
    return matrix;
}

int64_t ExpertMatrix::PanelBytes() const {
    return depth_ * engine_->columns * static_cast<int64_t>(type_ == WeightType::kHalf ? sizeof(Half) : sizeof(float));
}

int64_t ExpertMatrix::WorkBytes(int64_t rows) const {
    const int64_t copied = packed_ == nullptr ? PanelBytes() : 0;
    return Widens(rows) ? copied + depth_ * engine_->columns * static_cast<int64_t>(sizeof(float)) : copied;
}

void ExpertMatrix::CopyPanel(int64_t expert, int64_t panel, void* to) const {
    const int64_t column = panel * panel_width_;
    if (type_ == WeightType::kHalf)
        CopyColumns(raw_, expert, column, panel_width_, static_cast<Half*>(to));
    else
        CopyColumns(raw_, expert, column, panel_width_, static_cast<float*>(to));
}

ExpertMatrix::Panel ExpertMatrix::Prepare(int64_t expert, int64_t panel, int64_t rows, void* work) const {
    const void* weights = packed_.get() + (expert * Panels() + panel) * PanelBytes();
    if (packed_ == nullptr) {
        CopyPanel(expert, panel, work);
        weights = work;
        work = static_cast<char*>(work) + PanelBytes();
    }
    if (!Widens(rows)) return {weights, type_};
    engine_->widen(static_cast<const Half*>(weights), depth_ * engine_->columns, static_cast<float*>(work));
    return {work, WeightType::kFloat};
}

}  // namespace onnxmoe
