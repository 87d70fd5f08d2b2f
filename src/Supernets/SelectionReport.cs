using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Darts;

namespace OnnxMoe.Supernets;

/// <summary>What a selection decided, and what it measured on the way: <c>search/decisions.json</c>.</summary>
/// <param name="Key">Of the supernet's weights and all settings that the decisions depend on.</param>
/// <param name="Supernet">Its name.</param>
/// <param name="Space">The search space's name.</param>
/// <param name="Method">magnitude or perturbation.</param>
/// <param name="Criterion">What scores are, where the method measures: accuracy or loss.</param>
/// <param name="Seed">Of the training and of the order of decisions.</param>
/// <param name="Operations">The candidates of an edge; scores and shares are in their order.</param>
/// <param name="Shares">Architecture weights after the softmax, by edge, before the first decision.</param>
/// <param name="Decisions">In order.</param>
/// <param name="Inputs">Of nodes that had too many inputs.</param>
/// <param name="Genes">The architecture, as Search:Choose writes it.</param>
/// <param name="Genotype">The operation of each edge.</param>
/// <param name="IsConnected">False where the genotype makes no model.</param>
/// <param name="MixtureAccuracy">Of the supernet before the selection, on the half of the training data that architecture weights are trained on.</param>
/// <param name="LargestAccuracy">With the same weights, each edge running the operation of its largest architecture weight.</param>
/// <param name="SelectedAccuracy">Of the selected architecture, with the weights after the tuning.</param>
internal sealed record SelectionReport(string Key, string Supernet, string Space, string Method, string Criterion, long Seed, IReadOnlyList<string> Operations,
    IReadOnlyList<IReadOnlyList<double>> Shares, IReadOnlyList<Decision> Decisions, IReadOnlyList<InputDecision> Inputs, string Genes, IReadOnlyList<string> Genotype, bool IsConnected,
    double MixtureAccuracy, double LargestAccuracy, double SelectedAccuracy)
{
    /// <summary>The file of a supernet.</summary>
    public static string PathOf(string modelFolder) => Path.Combine(modelFolder, "search", "decisions.json");

    /// <summary>What is known already; null where nothing was decided with these weights and settings.</summary>
    public static SelectionReport? Read(string modelFolder, string key)
    {
        var path = PathOf(modelFolder);
        return File.Exists(path) && JsonFile.Load<SelectionReport>(path) is var report && report.Key == key ? report : null;
    }

    public void Write(string modelFolder) => AtomicFile.WriteJson(PathOf(modelFolder), this);
}
