#include "elementwise.h"

namespace onnxmoe {

namespace {

// One side, seen in the shape of the result: steps from one element to the next of each dimension, 0 where it is broadcast.
struct Side {
    const float* elements;
    std::array<int64_t, 4> steps{};

    Side(const Tensor& tensor, const Shape& shape) : elements(tensor.As<float>()) {
        int64_t step = 1;
        for (size_t i = tensor.shape.rank; i-- > 0;) {
            const size_t at = i + shape.rank - tensor.shape.rank;
            steps[at] = tensor.shape[i] == 1 ? 0 : step;
            step *= tensor.shape[i];
        }
    }
};

Shape Broadcast(const Shape& a, const Shape& b) {
    Shape shape;
    shape.rank = std::max(a.rank, b.rank);
    for (size_t i = 0; i < shape.rank; i++) {
        const size_t of_a = i + a.rank - shape.rank, of_b = i + b.rank - shape.rank;
        const int64_t size_a = i + a.rank < shape.rank ? 1 : a[of_a], size_b = i + b.rank < shape.rank ? 1 : b[of_b];
        if (size_a != size_b && size_a != 1 && size_b != 1)
            throw InvalidInput("its sides have the shapes " + a.ToString() + " and " + b.ToString() + ", of which neither can be broadcast to the other");
        shape.sizes[i] = size_a == 1 ? size_b : size_a;
    }
    return shape;
}

template <class Operation>
void Rows(Context& context, const Shape& shape, const Side& a, const Side& b, float* y, const Operation& operation) {
    const int64_t width = shape.rank == 0 ? 1 : shape[shape.rank - 1];
    int64_t rows = 1;
    for (size_t i = 0; i + 1 < shape.rank; i++) rows *= shape[i];
    const int64_t step_a = shape.rank == 0 ? 0 : a.steps[shape.rank - 1], step_b = shape.rank == 0 ? 0 : b.steps[shape.rank - 1];
    constexpr int64_t kRowsPerTask = 8;
    ParallelFor(context, (rows + kRowsPerTask - 1) / kRowsPerTask, rows * width / 2, [&](int64_t task) {
        for (int64_t r = task * kRowsPerTask; r < std::min(rows, (task + 1) * kRowsPerTask); r++) {
            const float *from_a = a.elements, *from_b = b.elements;
            for (int64_t rest = r, i = static_cast<int64_t>(shape.rank) - 2; i >= 0; rest /= shape[i--]) {
                from_a += rest % shape[i] * a.steps[i];
                from_b += rest % shape[i] * b.steps[i];
            }
            float* to = y + r * width;
            // The usual steps are loops of their own, which the compiler makes vectors of.
            if (step_a == 1 && step_b == 1)
                for (int64_t c = 0; c < width; c++) to[c] = operation(from_a[c], from_b[c]);
            else if (step_a == 1)
                for (int64_t c = 0; c < width; c++) to[c] = operation(from_a[c], *from_b);
            else
                for (int64_t c = 0; c < width; c++) to[c] = operation(*from_a, from_b[c * step_b]);
        }
    });
}

}  // namespace

void Elementwise::Compute(Context& context) const {
    const Tensor a = context.Input(kA), b = context.Input(kB);
    const Shape shape = Broadcast(a.shape, b.shape);
    float* y = context.Output<float>(shape);
    for (size_t i = 0; i < shape.rank; i++)
        if (shape[i] == 0) return;
    const auto rows = [&](const auto& operation) { Rows(context, shape, Side(a, shape), Side(b, shape), y, operation); };
    switch (op_) {
        case Op::kAdd:
            return rows([](float x, float z) { return x + z; });
        case Op::kSub:
            return rows([](float x, float z) { return x - z; });
        case Op::kMul:
            return rows([](float x, float z) { return x * z; });
        case Op::kDiv:
            return rows([](float x, float z) { return x / z; });
    }
}

}  // namespace onnxmoe
