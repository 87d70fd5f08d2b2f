using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Configuration;
using OnnxMoe.Exporter.Deployment;

namespace OnnxMoe.Exporter;

/// <summary>The recipe's section Export.</summary>
public sealed class ExportOptions
{
    [Setting("What to write, several separated by commas: onnxmoe (native kernels; runs without them too), onnx (standard operators; the same file), onnxruntime (com.microsoft operators)")]
    public string Target { get; set; } = "onnxmoe";

    [Setting("How weights are stored: all in fp32, matrices in fp16, or matrices of products as 8 or 4 bit codes with a scale for each 32 weights", Choices = "fp32|fp16|int8|int4")]
    public string Precision { get; set; } = "fp32";

    [Setting("Length of the held-out text that the logits are compared on", Unit = "tokens", Min = 4)]
    public int VerificationTokens { get; set; } = 64;

    [Setting("Text file to compare on instead of the held-out part of the training data")]
    public string Text { get; set; } = "";

    [Setting("Held-out tokens (of a classifier: sequences) that the loss of quality is measured on where weights are stored in fewer bits", Unit = "tokens", Min = 4)]
    public int QualityTokens { get; set; } = 4096;

    [Setting("Largest root mean square of the differences of logits, relative to that of the logits, where kernels also round what goes into their products (int8 and int4)", Min = 0)]
    public double RoundingTolerance { get; set; } = 0.1;

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
    /// <exception cref="UserError">A word that is none.</exception>
    public WeightPrecision Weights() => Enum.GetValues<WeightPrecision>().Cast<WeightPrecision?>().FirstOrDefault(precision => precision!.Value.Word() == Precision)
        ?? throw new UserError($"Export:Precision is '{Precision}', but can only be fp32, fp16, int8 or int4.");
}
