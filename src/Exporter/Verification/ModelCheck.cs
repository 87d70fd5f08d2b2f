using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Compares an exported file with the model that it was made from.</summary>
public abstract class ModelCheck
{
    /// <param name="session">The exported file.</param>
    /// <param name="label">Appended to the names of the results.</param>
    /// <param name="leftPadding">Whether the rows of a batch of text may be padded on the left.</param>
    /// <param name="cancellation">Stops between two comparisons.</param>
    public abstract IEnumerable<ExportCheck> Run(OnnxSession session, string label, bool leftPadding, CancellationToken cancellation);
}
