using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Configuration;
using OnnxMoe.Exporter.Deployment;

namespace OnnxMoe.Exporter;

/// <summary>The recipe's section Export.</summary>
public sealed class ExportOptions
{
    [Setting("What to write, several separated by commas: onnxmoe (native kernels; runs without them too), onnx (standard operators; the same file), onnxruntime (com.microsoft operators)")]
    public string Target { get; set; } = "onnxmoe";

    [Setting("How weights are stored; computation is in fp32 either way", Choices = "fp32|fp16")]
    public string Precision { get; set; } = "fp32";

    [Setting("Length of the held-out text that the logits are compared on", Unit = "tokens", Min = 4)]
    public int VerificationTokens { get; set; } = 64;

    [Setting("Text file to compare on instead of the held-out part of the training data")]
    public string Text { get; set; } = "";

    [Setting("Largest difference of a logit, relative to the largest logit, at which a file is published", Min = 0)]
    public double Tolerance { get; set; } = 1e-3;

    [Setting("Also write what deploys the model, into the folder deploy of its folder: kubernetes, triton, or both separated by commas; empty: nothing")]
    public string Deploy { get; set; } = "";

    /// <summary>The targets, each once, in the order given.</summary>
    /// <exception cref="UserError">A word that is no target.</exception>
    public IReadOnlyList<ExportTarget> Targets()
    {
        var words = Target.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0)
            throw new UserError("Export:Target is empty; give onnxmoe, onnx or onnxruntime, or several separated by commas.");
        return [.. words.Select(word => Enum.TryParse<ExportTarget>(word, ignoreCase: true, out var target) && Enum.IsDefined(target) && !char.IsAsciiDigit(word[0])
            ? target
            : throw new UserError($"Export:Target has '{word}', which is no target; the targets are onnxmoe, onnx and onnxruntime.")).Distinct()];
    }

    /// <summary>What to write for deployment, each once, in the order given; nothing is allowed.</summary>
    /// <exception cref="UserError">A word that is no such thing.</exception>
    public IReadOnlyList<DeployTarget> Deployments() =>
        [.. Deploy.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(word => word.ToLowerInvariant() switch
        {
            "kubernetes" => DeployTarget.Kubernetes,
            "triton" => DeployTarget.Triton,
            _ => throw new UserError($"Export:Deploy has '{word}', for which nothing can be written; it can be kubernetes, triton, or both separated by commas."),
        }).Distinct()];

    /// <summary>The precision.</summary>
    /// <exception cref="UserError">Neither fp32 nor fp16.</exception>
    public WeightPrecision Weights() => Precision switch
    {
        "fp32" => WeightPrecision.Fp32,
        "fp16" => WeightPrecision.Fp16,
        _ => throw new UserError($"Export:Precision is '{Precision}', but can only be fp32 or fp16."),
    };
}
