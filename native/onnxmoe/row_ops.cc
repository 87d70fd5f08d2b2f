#include "row_ops.h"

#include <charconv>
#include <cmath>

#include "requirements.h"

namespace onnxmoe {

namespace {

// A tensor as rows of its last dimension.
struct RowsOf {
    int64_t count = 1, width;

    explicit RowsOf(const Tensor& x) {
        if (x.shape.rank == 0) throw InvalidInput("x has no dimension, but must be [...,D]");
        width = x.shape[x.shape.rank - 1];
        for (size_t i = 0; i + 1 < x.shape.rank; i++) count *= x.shape[i];
    }

    template <class Function>
    void ForEach(Context& context, int64_t nanoseconds_per_row, const Function& function) const {
        constexpr int64_t kRowsPerTask = 8;
        ParallelFor(context, (count + kRowsPerTask - 1) / kRowsPerTask, count * nanoseconds_per_row, [&](int64_t task) {
            for (int64_t r = task * kRowsPerTask; r < std::min(count, (task + 1) * kRowsPerTask); r++) function(r);
        });
    }
};

// Sums in parallel lanes, so that the compiler may use vectors.
float SumOfSquares(const float* x, int64_t count) {
    constexpr int64_t kLanes = 16;
    float lanes[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes)
        for (int64_t l = 0; l < kLanes; l++) lanes[l] += x[i + l] * x[i + l];
    float sum = 0;
    for (; i < count; i++) sum += x[i] * x[i];
    for (const float lane : lanes) sum += lane;
    return sum;
}

// Numbers are written with a point, whatever the process's locale says.
float Number(const std::string& text) {
    float number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) throw InvalidInput("'" + text + "' is no number");
    return number;
}

}  // namespace

RmsNorm::RmsNorm(const NodeInfo& info, bool skip)
    : Kernel(skip ? "SkipSimplifiedLayerNormalization" : "SimplifiedLayerNormalization", info),
      skip_(skip),
      epsilon_(Number(info.StringAttribute("epsilon", "1e-5"))) {}

void RmsNorm::Compute(Context& context) const {
    const Tensor x = context.Input(0), skip = skip_ ? context.Input(1) : Tensor{}, scale = context.Input(skip_ ? 2 : 1);
    const RowsOf rows(x);
    if (skip_ && skip.shape != x.shape)
        throw InvalidInput("skip has the shape " + skip.shape.ToString() + ", but must have that of x, " + x.shape.ToString());
    RequireShape(scale, "scale", "[D]", {rows.width});
    float* y = context.Output<float>(x.shape);
    float* sums = skip_ ? context.Output<float>(x.shape, 3) : nullptr;
    rows.ForEach(context, rows.width / 2, [&](int64_t r) {
        const float* from = x.As<float>() + r * rows.width;
        float* to = y + r * rows.width;
        if (skip_) {
            float* sum = (sums == nullptr ? y : sums) + r * rows.width;
            const float* other = skip.As<float>() + r * rows.width;
            for (int64_t i = 0; i < rows.width; i++) sum[i] = from[i] + other[i];
            from = sum;
        }
        const float factor = 1.0f / std::sqrt(SumOfSquares(from, rows.width) / static_cast<float>(rows.width) + epsilon_);
        for (int64_t i = 0; i < rows.width; i++) to[i] = from[i] * factor * scale.As<float>()[i];
    });
}

void Softmax::Compute(Context& context) const {
    const Tensor x = context.Input(0);
    const RowsOf rows(x);
    float* y = context.Output<float>(x.shape);
    if (rows.width == 0) return;
    rows.ForEach(context, 10 * rows.width, [&](int64_t r) {
        const float* from = x.As<float>() + r * rows.width;
        float* to = y + r * rows.width;
        const float largest = *std::max_element(from, from + rows.width);
        float sum = 0;
        for (int64_t i = 0; i < rows.width; i++) sum += to[i] = std::exp(from[i] - largest);
        for (int64_t i = 0; i < rows.width; i++) to[i] /= sum;
    });
}

void Sigmoid::Compute(Context& context) const {
    const Tensor x = context.Input(0);
    const RowsOf rows(x);
    float* y = context.Output<float>(x.shape);
    rows.ForEach(context, 10 * rows.width, [&](int64_t r) {
        for (int64_t i = r * rows.width; i < (r + 1) * rows.width; i++) y[i] = 1.0f / (1.0f + std::exp(-x.As<float>()[i]));
    });
}

void ReduceSum::Compute(Context& context) const {
    const Tensor x = context.Input(0);
    const RowsOf rows(x);
    Shape shape = x.shape;
    shape.sizes[shape.rank - 1] = 1;
    float* y = context.Output<float>(shape);
    rows.ForEach(context, rows.width, [&](int64_t r) {
        float sum = 0;
        for (int64_t i = r * rows.width; i < (r + 1) * rows.width; i++) sum += x.As<float>()[i];
        y[r] = sum;
    });
}

void TopK::Compute(Context& context) const {
    const Tensor x = context.Input(0), wanted = context.Input(1);
    const RowsOf rows(x);
    RequireShape(wanted, "k", "[1]", {1});
    const int64_t k = *wanted.As<int64_t>();
    if (k < 0 || k > rows.width)
        throw InvalidInput("k is " + std::to_string(k) + ", but must be 0.." + std::to_string(rows.width) + ", as many as a row has");
    Shape shape = x.shape;
    shape.sizes[shape.rank - 1] = k;
    float* values = context.Output<float>(shape, 0);
    int64_t* indices = context.Output<int64_t>(shape, 1);
    rows.ForEach(context, rows.width * std::max<int64_t>(1, k / 4), [&](int64_t r) {
        const float* from = x.As<float>() + r * rows.width;
        float* largest = values + r * k;
        int64_t* where = indices + r * k;
        // Inserts one after the other into those found so far; a row has few.
        for (int64_t i = 0, found = 0; i < rows.width; i++) {
            int64_t place = found;
            while (place > 0 && from[i] > largest[place - 1]) place--;
            if (place == k) continue;
            found = std::min(found + 1, k);
            std::copy_backward(largest + place, largest + found - 1, largest + found);
            std::copy_backward(where + place, where + found - 1, where + found);
            largest[place] = from[i];
            where[place] = i;
        }
    });
}

void Concat::Compute(Context& context) const {
    const Tensor first = context.Input(0);
    if (first.shape.rank == 0) throw InvalidInput("input 0 has no dimension, but must have at least one");
    Shape shape = first.shape;
    for (size_t i = 1; context.Input(i).Exists(); i++) {
        const Tensor next = context.Input(i);
        Shape alike = next.shape;
        alike.sizes[0] = first.shape[0];
        if (alike != first.shape || next.type != first.type)
            throw InvalidInput("input " + std::to_string(i) + " has the shape " + next.shape.ToString() + ", but must be like input 0, " + first.shape.ToString() +
                               ", in all but the first dimension, and of its type");
        shape.sizes[0] += next.shape[0];
    }
    char* to = first.type == kElementType<int64_t> ? reinterpret_cast<char*>(context.Output<int64_t>(shape)) : reinterpret_cast<char*>(context.Output<float>(shape));
    for (size_t i = 0; context.Input(i).Exists(); i++) {
        const Tensor next = context.Input(i);
        size_t bytes = next.type == kElementType<int64_t> ? sizeof(int64_t) : sizeof(float);
        for (size_t d = 0; d < next.shape.rank; d++) bytes *= next.shape[d];
        to = std::copy_n(static_cast<const char*>(next.data), bytes, to);
    }
}

void Gather::Compute(Context& context) const {
    const Tensor table = context.Input(0), indices = context.Input(1);
    RequireShape(table, "data", "[V,D]", {-1, -1});
    const int64_t rows = table.shape[0], width = table.shape[1];
    Shape shape = indices.shape;
    if (shape.rank == shape.sizes.size()) throw InvalidInput("indices have the shape " + shape.ToString() + ", but must have at most 3 dimensions");
    shape.sizes[shape.rank++] = width;
    int64_t count = 1;
    for (size_t i = 0; i < indices.shape.rank; i++) count *= indices.shape[i];
    for (int64_t i = 0; i < count; i++)
        if (const int64_t row = indices.As<int64_t>()[i]; row < -rows || row >= rows)
            throw InvalidInput("an index is " + std::to_string(row) + ", but there are " + std::to_string(rows) + " rows");
    float* y = context.Output<float>(shape);
    constexpr int64_t kRowsPerTask = 16;
    ParallelFor(context, (count + kRowsPerTask - 1) / kRowsPerTask, count * width / 4, [&](int64_t task) {
        for (int64_t i = task * kRowsPerTask; i < std::min(count, (task + 1) * kRowsPerTask); i++) {
            const int64_t row = indices.As<int64_t>()[i];
            std::copy_n(table.As<float>() + (row < 0 ? row + rows : row) * width, width, y + i * width);
        }
    });
}

}  // namespace onnxmoe
