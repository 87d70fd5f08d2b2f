#include "linears.h"

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

// Its number among several.
std::string Numbered(const char* name, size_t i, size_t count) {
    return count == 1 ? name : std::string(name) + "_" + std::to_string(i + 1);
}

}  // namespace

Linears::Linears(const char* op, const OrtKernelInfo* info, WeightType type, WeightType label_type)
    : Kernel(op, info, label_type), type_(type) {
    for (size_t i = 0; i < kMatrices && HasInput(info, MatrixInput(i)); i++)
        packed_.push_back(PackIfConstant({type, Stacked(ConstantStack(info, MatrixInput(i), type)), {}}, false));
}

void Linears::Compute(OrtKernelContext* context) const {
    struct Task {
        ExpertMatrix raw;
        const ExpertMatrix* matrix;
        float* y;
    };
    const Tensor x = Input(context, kX);
    if (x.shape.rank == 0) throw InvalidInput("x has no dimension, but must be [...,D]");
    const int64_t depth = x.shape[x.shape.rank - 1];
    int64_t rows = 1;
    for (size_t i = 0; i + 1 < x.shape.rank; i++) rows *= x.shape[i];

    const Engine& engine = EngineInUse();
    std::array<std::optional<Task>, kMatrices> products;
    const size_t count = packed_.size();
    int64_t panels = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const Stack stack = InputStack(context, MatrixInput(i), type_);
        const Tensor& matrix = stack.elements;
        RequireShape(matrix, Numbered("matrix", i, count).c_str(), type_ == WeightType::kInt4 ? "[ceil(D/2),F]" : "[D,F]",
                     {StoredRows(type_, depth), -1});
        if (IsQuantized(type_) && !stack.scales.Exists()) throw InvalidInput(Numbered("scales", i, count) + " are missing");
        RequireShape(stack.scales, Numbered("scales", i, count).c_str(), "[ceil(D/32),F]", {QuantizedBlocks(depth), matrix.shape[1]});
        Shape shape = x.shape;
        shape.sizes[shape.rank - 1] = matrix.shape[1];
        Task& product = products[i].emplace(Task{ExpertMatrix::Raw(engine, {type_, Stacked(stack), {}}), nullptr, nullptr});
        product.matrix = packed_[i] ? &*packed_[i] : &product.raw;
        product.y = Output(context, shape, i);
        panels += product.matrix->Panels();
        bytes += product.matrix->Panels() * product.matrix->PanelBytes();
    }
    if (rows == 0 || panels == 0) return;

    Scratch scratch(Allocator(), Scratch::Bytes<const void*>(rows) + Rows::ScratchBytes(type_, rows, depth));
    const void** inputs = scratch.Take<const void*>(rows);
    const Rows x_rows(engine, type_, x.As<float>(), depth, depth, rows, scratch);
    for (int64_t r = 0; r < rows; r++) inputs[r] = x_rows[r];
    x_rows.Quantize(context);

    const int64_t at_a_time = RowsAtATime(depth), stretches = (rows + at_a_time - 1) / at_a_time;
    const int64_t nanoseconds = Nanoseconds(stretches * bytes, rows * panels * depth * engine.columns);
    ParallelFor(context, stretches * panels, nanoseconds, [&](int64_t task) {
        const int64_t begin = rows * (task / panels) / stretches, end = rows * (task / panels + 1) / stretches;
        int64_t panel = task % panels;
        size_t i = 0;
        while (panel >= products[i]->matrix->Panels()) panel -= products[i++]->matrix->Panels();
        const ExpertMatrix& matrix = *products[i]->matrix;
        const int64_t column = panel * matrix.PanelWidth(), columns = std::min(matrix.PanelWidth(), matrix.Width() - column);
        float* y = products[i]->y + begin * matrix.Width() + column;
        const Work work(Allocator(), matrix.WorkBytes(end - begin));
        matrix.Multiply(0, panel, inputs + begin, end - begin, work.Memory(),
                        [&](int64_t r, const float* tile) { std::copy_n(tile, columns, y + r * matrix.Width()); });
    });
}

}  // namespace onnxmoe
