using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Compares an exported file with the model that it was made from.</summary>
public abstract class ModelCheck
{
    /// <param name="session">The exported file.</param>
    /// <param name="label">Appended to the names of the results.</param>
    /// <param name="leftPadding">Whether the rows of a batch of text may be padded on the left.</param>
    /// <param name="cancellation">Stops between two comparisons.</param>
    /// <param name="weights">What the file makes of the model's weights; null: it has them as they are.</param>
    /// <param name="rounds">
    /// Whether the session's kernels round what goes into their products. Choices of experts then differ here and there, whole numbers are not compared, and the mean
    /// difference is given too.
    /// </param>
    public abstract IEnumerable<ExportCheck> Run(OnnxSession session, string label, bool leftPadding, CancellationToken cancellation, RoundedWeights? weights = null, bool rounds = false);
}
