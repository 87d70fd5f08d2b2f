using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Predictors;

/// <summary>An architecture as numbers: a 1 for the choice of each gene that matters, so that what means the same network has the same features.</summary>
public static class OneHotFeatures
{
    /// <returns>As many numbers as all genes have choices.</returns>
    public static double[] Of(Architecture architecture)
    {
        var choices = architecture.Space.Choices;
        var features = new double[choices.Sum()];
        var first = 0;
        for (var gene = 0; gene < choices.Count; gene++)
        {
            if (architecture.Space.IsActive(architecture.Genes, gene))
                features[first + architecture.Genes[gene]] = 1;
            first += choices[gene];
        }
        return features;
    }
}
