#include "expert_matrix.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

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
        to = std::copy_n(raw.first.elements.As<Element>() + from, count, to);
        to = std::fill_n(to, width - count, Element{});
        if (!raw.Gated()) continue;
        to = std::copy_n(raw.second.elements.As<Element>() + from, count, to);
        to = std::fill_n(to, width - count, Element{});
    }
}

// The half-precision number that is equal to the value.
Half ExactHalf(float value) {
    const float magnitude = std::abs(value);
    const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    uint32_t bits;
    std::memcpy(&bits, &magnitude, sizeof(bits));
    if (magnitude < 0x1p-14f) {
        const float steps = magnitude * 0x1p24f;
        if (steps == std::floor(steps)) return {static_cast<uint16_t>(sign | static_cast<uint16_t>(steps))};
    } else if (magnitude <= 65504.0f && (bits & 0x1fff) == 0) {
        return {static_cast<uint16_t>(sign | ((bits >> 13) - (112 << 10)))};
    }
    char number[32];
    std::snprintf(number, sizeof(number), "%.9g", value);
    throw InvalidInput(std::string("a scale is ") + number + ", but scales must be numbers that float16 holds exactly");
}

// A panel of codes and scales as engine.h describes it.
void CopyCodes(const Engine& engine, const StackedWeights& raw, int64_t expert, int64_t column, int64_t width, char* to) {
    const bool bytes = raw.type == WeightType::kInt8;
    const int offset = bytes ? engine.int8_offset : 8;
    const int64_t depth = raw.Depth(), blocks = QuantizedBlocks(depth), code_bytes = kQuantBlock * engine.columns / (bytes ? 1 : 2);
    const int64_t block_bytes = code_bytes + engine.columns * static_cast<int64_t>(sizeof(Half));
    for (int64_t b = 0; b < blocks; b++, to += block_bytes) {
        // Every code is the offset: code 0, also where the matrix ends.
        std::memset(to, bytes ? offset : offset * 17, code_bytes);
        Half* scales = reinterpret_cast<Half*>(to + code_bytes);
        std::memset(scales, 0, block_bytes - code_bytes);
        const int64_t rows = std::min<int64_t>(kQuantBlock, depth - b * kQuantBlock), count = std::min(width, raw.Width() - column);
        int64_t start = 0;
        for (const Stack* stack : {&raw.first, &raw.second}) {
            if (!stack->elements.Exists()) continue;
            for (int64_t r = 0; r < rows; r++) {
                // Groups of four rows; int4: of two groups in a byte, the first in its low half.
                const int64_t row = b * kQuantBlock + r, group = r / 4, lane = r % 4;
                char* place = to + (bytes ? group : group / 2) * 4 * engine.columns + start * 4 + lane;
                if (bytes) {
                    const int8_t* from = stack->elements.As<int8_t>() + (expert * depth + row) * raw.Width() + column;
                    for (int64_t c = 0; c < count; c++) place[4 * c] = static_cast<char>(from[c] + offset);
                } else {
                    const uint8_t* from = stack->elements.As<uint8_t>() + (expert * depth + row) / 2 * raw.Width() + column;
                    const int shift = row % 2 * 4, keep = group % 2 == 0 ? 0xf0 : 0x0f, to_shift = group % 2 * 4;
                    for (int64_t c = 0; c < count; c++)
                        place[4 * c] = static_cast<char>((place[4 * c] & keep) | (from[c] >> shift & 15) << to_shift);
                }
            }
            const float* values = stack->scales.As<float>() + (expert * blocks + b) * raw.Width() + column;
            for (int64_t c = 0; c < count; c++) scales[start + c] = ExactHalf(values[c]);
            start += width;
        }
    }
}

// Of one panel.
int64_t BytesOf(WeightType type, int64_t depth, int64_t columns) {
    switch (type) {
        case WeightType::kHalf:
            return depth * columns * static_cast<int64_t>(sizeof(Half));
        case WeightType::kInt8:
            return QuantizedBlocks(depth) * columns * static_cast<int64_t>(kQuantBlock + sizeof(Half));
        case WeightType::kInt4:
            return QuantizedBlocks(depth) * columns * static_cast<int64_t>(kQuantBlock / 2 + sizeof(Half));
        case WeightType::kFloat:
            break;
    }
    return depth * columns * static_cast<int64_t>(sizeof(float));
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
      panel_width_(gated_ ? engine.columns / 2 : engine.columns),
      panels_((width_ + panel_width_ - 1) / panel_width_),
      panel_bytes_(BytesOf(type_, depth_, engine.columns)) {}

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

int64_t ExpertMatrix::WorkBytes(int64_t rows) const {
    const int64_t copied = packed_ == nullptr ? PanelBytes() : 0;
    return Widens(rows) ? copied + depth_ * engine_->columns * static_cast<int64_t>(sizeof(float)) : copied;
}

void ExpertMatrix::CopyPanel(int64_t expert, int64_t panel, void* to) const {
    const int64_t column = panel * panel_width_;
    if (IsQuantized(type_))
        CopyCodes(*engine_, raw_, expert, column, panel_width_, static_cast<char*>(to));
    else if (type_ == WeightType::kHalf)
        CopyColumns(raw_, expert, column, panel_width_, static_cast<Half*>(to));
    else
        CopyColumns(raw_, expert, column, panel_width_, static_cast<float*>(to));
}

int64_t ExpertMatrix::Tasks(int64_t rows, int64_t products) const {
    // So many for every thread are dealt out evenly.
    static const int64_t enough = 4 * std::max<int64_t>(1, std::thread::hardware_concurrency());
    const int64_t together = std::clamp<int64_t>(products * panels_ / enough, 1, Together(rows));
    return (panels_ + together - 1) / together;
}

const void* ExpertMatrix::Prepare(int64_t expert, int64_t panel, int64_t rows, void* work) const {
    const void* weights = packed_.get() + (expert * Panels() + panel) * PanelBytes();
    if (packed_ == nullptr) {
        CopyPanel(expert, panel, work);
        weights = work;
        work = static_cast<char*>(work) + PanelBytes();
    }
    if (!Widens(rows)) return weights;
    engine_->widen(static_cast<const Half*>(weights), depth_ * engine_->columns, static_cast<float*>(work));
    return work;
}

}  // namespace onnxmoe
