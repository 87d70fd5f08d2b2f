using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Cells;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>What a recipe draws for the steps of a supernet: architectures and training examples.</summary>
public static class SupernetSamplers
{
    /// <summary>Draws the architectures of the steps.</summary>
    /// <param name="options">Has passed <see cref="Check"/>.</param>
    /// <param name="supernet">Whose architectures.</param>
    /// <param name="epochs">Of the training.</param>
    /// <param name="seed">Of the run.</param>
    public static PathSampler Paths(SupernetOptions options, ISupernet supernet, SamplingEpochs epochs, long seed) =>
        options.Paths == SupernetOptions.GradientNorm ? new GradNormPaths((CellClassifier)supernet, epochs, options.Reweight == SupernetOptions.Unbiased, seed)
        : PathSampler.Of(options, supernet.Space, seed);

    /// <summary>Draws the training examples of the steps; null: they are drawn uniformly.</summary>
    /// <param name="options">Has passed <see cref="Check"/>.</param>
    /// <param name="count">Training examples.</param>
    /// <param name="epochs">Of the training.</param>
    /// <param name="seed">Of the run.</param>
    public static GradNormData? Examples(SupernetOptions options, int count, SamplingEpochs epochs, long seed) =>
        options.Data == SupernetOptions.GradientNorm ? new(count, epochs, options.Reweight == SupernetOptions.Unbiased, seed) : null;

    /// <summary>Rules between the settings and the model.</summary>
    /// <param name="options">The section Supernet.</param>
    /// <param name="supernet">Null for an ordinary model.</param>
    /// <param name="log">Takes warnings.</param>
    /// <exception cref="UserError">Names the settings that do not go together.</exception>
    public static void Check(SupernetOptions options, ISupernet? supernet, TextWriter log)
    {
        var (byPath, byData) = (options.Paths == SupernetOptions.GradientNorm, options.Data == SupernetOptions.GradientNorm);
        Require(supernet is not null || !(byPath || byData), $"Supernet:{(byData ? "Data" : "Paths")} is {SupernetOptions.GradientNorm}, but there is no Supernet:Space, so the model is no supernet");
        Require(byPath || byData || options.Reweight != SupernetOptions.Unbiased, $"Supernet:Reweight is {SupernetOptions.Unbiased}, but nothing is drawn unevenly; set Supernet:Paths or Supernet:Data to {SupernetOptions.GradientNorm}");
        Require(!byData || !(options.IsSoft() || options.Copies.Count > 1 || options.Split.IsOn), $"Supernet:Data is {SupernetOptions.GradientNorm}, but the recipe has Supernet:Gates=soft, Copies or Split, whose training draws examples uniformly");
        if (options.Split.IsOn)
        {
            Require(!options.IsSoft() && options.Copies.Count <= 1, $"Supernet:Split:At is {string.Join(',', options.Split.At)}, but the recipe has Supernet:Gates=soft or Copies, too; it must be one of them");
            Require(supernet is FewShotSupernet, $"Supernet:Split:At is {string.Join(',', options.Split.At)}, but the model is no supernet of cells; set Supernet:Space, and Model:Backbone to cells");
            Require(options.Paths == "uniform", $"Supernet:Split:At is {string.Join(',', options.Split.At)}, but Supernet:Paths is {options.Paths}; sub-supernets draw uniformly: set it to uniform");
        }
        if (!byPath)
            return;
        Require(supernet is CellClassifier, $"Supernet:Paths is {SupernetOptions.GradientNorm}, but the model has no operations to choose from; set Model:Backbone to cells");
        Require(options.RandomPaths == 1, $"Supernet:RandomPaths is {options.RandomPaths}, but Supernet:Paths={SupernetOptions.GradientNorm} runs one architecture a step, whose gradients it looks at");
        if (!((CellClassifier)supernet!).Cells.First().Edges[0].Any(op => op.Weight is not null))
            log.WriteLine($"Warning: no operation of the search space has weights, so there are no gradients to look at, and Supernet:Paths={SupernetOptions.GradientNorm} stays uniform.");
    }

    /// <summary>The same for models of text.</summary>
    /// <exception cref="UserError">Names the settings that are not for them.</exception>
    public static void CheckText(SupernetOptions options) =>
        Require(options.Paths != SupernetOptions.GradientNorm && options.Data != SupernetOptions.GradientNorm && !options.Split.IsOn,
            $"Supernet:Paths={SupernetOptions.GradientNorm}, Supernet:Data={SupernetOptions.GradientNorm} and Supernet:Split are for models that classify; set Model:Backbone to cells");

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
