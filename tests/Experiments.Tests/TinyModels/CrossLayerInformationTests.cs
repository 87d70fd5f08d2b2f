using OnnxMoe.Experiments.TinyModels;

namespace OnnxMoe.Experiments.Tests.TinyModels;

public class CrossLayerInformationTests
{
    [Fact]
    public void EqualChoicesTellAsMuchAsTheirEntropyAndIndependentOnesNothing()
    {
        Assert.Equal(Math.Log(2), CrossLayerInformation.OfJoint(new[,] { { 0.5, 0 }, { 0, 0.5 } }), 1e-12);
        Assert.Equal(0, CrossLayerInformation.OfJoint(new[,] { { 0.12, 0.28 }, { 0.18, 0.42 } }), 1e-12);
    }

    [Fact]
    public void CertainRoutersGiveTheSameByProbabilitiesAndByFirstChoices()
    {
        // Layer 1 chooses as layer 0 does, layer 2 independently of both: one of three pairs has ln 2.
        var layers = Layers([0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 0, 1]);
        Assert.Equal(Math.Log(2) / 3, CrossLayerInformation.OfProbabilities(layers), 1e-9);
        Assert.Equal(Math.Log(2) / 3, CrossLayerInformation.OfFirstChoices(layers), 1e-9);
    }

    [Fact]
    public void ThePapersBinsCompareTheShapeOfEachTokensProbabilities()
    {
        // Each token's two probabilities fall into the bins of 0 and 1, whichever expert has which.
        Assert.Equal(Math.Log(2), CrossLayerInformation.OfBins(Layers([0, 1], [1, 1])), 1e-9);
    }

    private static LayerSnapshot[] Layers(params long[][] choices) => [.. choices.Select((layer, number) =>
    {
        var snapshot = new LayerSnapshot(number);
        snapshot.Add(layer, [.. layer.Select(_ => 1f)], [.. layer.SelectMany(choice => new[] { choice == 0 ? 1f : 0, choice == 1 ? 1f : 0 })], layer.Length);
        return snapshot;
    })];
}
