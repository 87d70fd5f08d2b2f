#include "linear.h"

#include <algorithm>

#include "product.h"
#include "requirements.h"
#include "rows.h"

namespace onnxmoe {

namespace {

// A matrix [D,F], and its scales, as a stack of one.
Stack Stacked(Stack matrix) {
    for (Tensor* tensor : {&matrix.elements, &matrix.scales})
        if (tensor->shape.rank == 2) tensor->shape = {3, {1, tensor->shape[0], tensor->shape[1]}};
    return matrix;
}

}  // namespace

Linear::Linear(const NodeInfo& info, WeightType type)
    : Kernel("Linear", info, type), type_(type), packed_(PackIfConstant({type, Stacked(ConstantStack(info, kMatrix, type)), {}}, false)) {}

void Linear::Compute(Context& context) const {
    const Tensor x = context.Input(kX);
    if (x.shape.rank == 0) throw InvalidInput("x has no dimension, but must be [...,D]");
    const int64_t depth = x.shape[x.shape.rank - 1];
    int64_t rows = 1;
    for (size_t i = 0; i + 1 < x.shape.rank; i++) rows *= x.shape[i];
    const Stack stack = InputStack(context, kMatrix, type_);
    RequireShape(stack.elements, "matrix", type_ == WeightType::kInt4 ? "[ceil(D/2),F]" : "[D,F]", {StoredRows(type_, depth), -1});
    const int64_t width = stack.elements.shape[1];
    RequireShape(stack.scales, "scales", "[ceil(D/32),F]", {QuantizedBlocks(depth), width});
    Shape shape = x.shape;
    shape.sizes[shape.rank - 1] = width;
    float* y = context.Output<float>(shape);
    if (rows == 0 || width == 0) return;

    const Engine& engine = EngineInUse();
    const ExpertMatrix raw = ExpertMatrix::Raw(engine, {type_, Stacked(stack), {}});
    const ExpertMatrix& matrix = packed_ ? *packed_ : raw;
    Scratch scratch(Scratch::Bytes<const void*>(rows) + Rows::ScratchBytes(type_, rows, depth));
    const void** inputs = scratch.Take<const void*>(rows);
    const Rows x_rows(engine, type_, x.As<float>(), depth, depth, rows, scratch);
    for (int64_t r = 0; r < rows; r++) inputs[r] = x_rows[r];
    x_rows.Quantize(context);

    const int64_t panels = matrix.Panels(), at_a_time = RowsAtATime(depth), stretches = (rows + at_a_time - 1) / at_a_time;
    const int64_t nanoseconds = Nanoseconds(stretches * panels * matrix.PanelBytes(), rows * panels * depth * engine.columns);
    const int64_t tasks = matrix.Tasks(rows / stretches, stretches);
    ParallelFor(context, stretches * tasks, nanoseconds, [&](int64_t task) {
        const int64_t begin = rows * (task / tasks) / stretches, end = rows * (task / tasks + 1) / stretches;
        const Work work(matrix.WorkBytes(end - begin));
        matrix.Multiply(0, task % tasks, tasks, inputs + begin, end - begin, work.Memory(), [&](int64_t panel, int64_t r, const float* tile) {
            const int64_t column = panel * matrix.PanelWidth();
            std::copy_n(tile, std::min(matrix.PanelWidth(), width - column), y + (begin + r) * width + column);
        });
    });
}

}  // namespace onnxmoe
