using OnnxMoe.Experiments.Simulations;
using OnnxMoe.Placement.Mappings;

namespace OnnxMoe.Experiments.Tests.Simulations;

public sealed class SimulationTests
{
    [Fact]
    public void TheSixSizesFollowFromTheConfigurations() =>
        Assert.All(GptMoeShape.Printed, size => Assert.Equal(size.Printed, size.Model.Billions(size.Printed)));

    [Fact]
    public void AStudentOfAPyramidHasTheListOfItsRelease() =>
        Assert.Equal([32, 32, 32, 32, 32, 32, 32, 32, 64, 64], GptMoeShape.Pyramid("student", 21, 1024, 32, 64).Experts);

    [Fact]
    public void ServedModelsHaveTheirPublishedSizes() =>
        Assert.All(ServedModel.All, served => Assert.Equal(1, served.Model.Parameters / 1e9 / served.Billions, 0.01));

    [Fact]
    public void EveryOptimizationShortensAStep()
    {
        var latency = new ServingLatency(new ServingAssumptions());
        var model = ServedModel.All[3].Model;
        var plain = latency.Moe(model, 128, 8, optimized: false);
        var optimized = latency.Moe(model, 128, 8, optimized: true);
        Assert.True(optimized < plain);
        Assert.True(latency.Moe(model, 256, 8, optimized: true) < optimized); // sliced experts
        Assert.True(latency.Dense(model, 8, optimized: true) < latency.Dense(model, 1, optimized: true));
        Assert.True(latency.Dense(model, 8, optimized: true) < optimized);
    }

    [Fact]
    public void TheExchangeIsCountedAndDelivered()
    {
        var result = new Measurement("exchange", 1, "");
        ServingSimulation.MeasureExchange(1, result);
        Assert.Equal((0, 0), (result[ServingSimulation.Delivered], result[ServingSimulation.WrongMessages]));
        Assert.InRange(result[ServingSimulation.Crossover], 1, 1 << 20);
    }

    [Fact]
    public void EveryPublishedMappingIsLegalAndPredicted()
    {
        Assert.Equal(12, PublishedMapping.All.Count);
        foreach (var row in PublishedMapping.All)
        {
            Assert.Equal(row.Gpus, row.Grid.Ranks);
            var predicted = row.Predict(new CostAssumptions());
            Assert.Equal(double.IsNaN(row.Mfu), predicted is null);
        }
    }

    [Fact]
    public void AssumptionsAreDrawnAroundTheirValues()
    {
        var (middle, drawn) = (new CostAssumptions(), Enumerable.Range(1, 50).Select(seed => new CostAssumptions().Drawn(seed)).ToList());
        Assert.All(drawn, one => Assert.InRange(one.GemmShare / middle.GemmShare, 0.8, 1.25));
        Assert.True(drawn.Select(one => one.LinkShare).Distinct().Count() > 40);
        Assert.Equal(drawn[0], new CostAssumptions().Drawn(1));
    }
}
