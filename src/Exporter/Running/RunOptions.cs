using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Exporter.Running;

/// <summary>What <c>onnxmoe run</c> is told.</summary>
public sealed class RunOptions
{
    [Setting("The ONNX model to run")]
    public string Model { get; init; } = "";

    [Setting("Folder with the model's inputs: input_0.pb, input_1.pb, ... in the model's order, or NAME.npy, or input_0.npy, ...")]
    public string Inputs { get; init; } = "";

    [Setting("Folder that receives the outputs, in the form of the inputs; made if missing")]
    public string Outputs { get; init; } = "";

    [Setting("What computes: torch (OnnxMoe's own reading of the model) or onnxruntime", Choices = "torch|onnxruntime")]
    public string Engine { get; init; } = "onnxruntime";

    [Setting("Lets the native kernels compute the MoE ops (engine onnxruntime only); otherwise their function bodies run")]
    public bool Kernels { get; init; }
}
