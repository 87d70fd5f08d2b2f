namespace OnnxMoe.Artifacts.Manifests;

/// <summary>
/// A router that runs before the model and decides once for all of its layers (Read-ME, Cai et al. 2024, arXiv 2410.19123). Its ONNX file gives
/// each token's expert as the output <see cref="ExpertIds"/> (int64 [batch, sequence]), which the model takes as an input of that name.
/// </summary>
/// <param name="File">The router's ONNX file in the model folder.</param>
/// <param name="Experts">Number of experts; ids are from 0 to below it.</param>
public sealed record PreGate(string File, int Experts)
{
    /// <summary>Output of the router, input of the model.</summary>
    public const string ExpertIds = "expert_ids";
}
