using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Functions;

/// <summary>The body of Linear and QuantizedLinear: x [..., D] times one matrix [D, F] that is stored as halves or as codes.</summary>
internal static class LinearFunction
{
    public static FunctionProto Build(string name, MatrixForm form)
    {
        var ops = OnnxOps.ForFunction();
        var x = ops.Input("x", ElementType.Float);
        var product = x.MatMul(new MatrixInput(ops, "matrix", form).For(x));
        return FunctionBody.Finish(FunctionLibrary.Declare(name, "y = x times the matrix", ["x", .. MatrixInput.Names("matrix", form)], ["y"], []), ops, [product]);
    }
}
