using Onnx;
using OnnxMoe.Artifacts.Graphs;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// Lets the native kernels compute the products with stored float matrices. Theirs do not depend on how many rows are multiplied together, bit for bit,
/// so that a token's result does not depend on who shares its run; ONNX Runtime's own do.
/// </summary>
internal static class NativeProducts
{
    /// <summary>Changes the graph in place.</summary>
    public static void Use(ModelProto model)
    {
        var matrices = model.Graph.Initializer.Where(tensor => tensor.DataType == (int)DataType.Float && tensor.Dims.Count == 2).Select(tensor => tensor.Name)
            .Except(ModelFile.OptionalInputs(model).Select(input => input.Name)).ToHashSet();
        foreach (var node in model.Graph.Node.Where(node => node.Domain.Length == 0 && node.OpType == "MatMul" && matrices.Contains(node.Input[1])))
            (node.Domain, node.OpType) = (MoeFunctions.Domain, MoeFunctions.Linear);
        if (model.OpsetImport.All(import => import.Domain != MoeFunctions.Domain))
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = MoeFunctions.Domain, Version = 1 });
    }
}
