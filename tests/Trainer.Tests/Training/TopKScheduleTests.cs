using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Tests.Training;

/// <summary>The growing number of experts of SMoE-Dropout (arXiv 2303.01610).</summary>
public class TopKScheduleTests
{
    [Fact]
    public void TheLinearScheduleRoundsHalvesToEven()
    {
        var schedule = Schedule("linear", 8, 16, steps: 16);
        Assert.Equal([8, 8, 9, 10, 10, 10, 11, 12, 12, 12, 13, 14, 14, 14, 15, 16, 16], Enumerable.Range(0, 17).Select(schedule.At));
    }

    [Theory]
    [InlineData("linear", 300)]
    [InlineData("cosine", 300)]
    [InlineData("cosine", 7)]
    [InlineData("exponential", 300)]
    [InlineData("exponential", 1000)]
    public void TheNumberNeverFallsAndStaysBetweenItsEnds(string kind, int steps)
    {
        var numbers = Enumerable.Range(0, steps + 1).Select(Schedule(kind, 8, 16, steps).At).ToArray();
        Assert.Equal(numbers.Order(), numbers);
        Assert.Equal((8, 16), (numbers[0], numbers[^1]));
    }

    [Fact]
    public void CosineAndExponentialFollowTheirFormulas()
    {
        var (cosine, exponential) = (Schedule("cosine", 2, 50, 1000), Schedule("exponential", 2, 50, 1000));
        for (var t = 0; t <= 1000; t++)
        {
            Assert.Equal((int)Math.Round(50 - 48 * Math.Cos(Math.PI * t / 2000), MidpointRounding.ToEven), cosine.At(t));
            Assert.Equal((int)Math.Round(50 - 48 * Math.Pow(0.99, Math.Floor(t / Math.Floor(1000 / 300.0))), MidpointRounding.ToEven), exponential.At(t));
        }
        Assert.Equal(48, exponential.At(1000)); // 0.99^333 of the way is left
    }

    [Fact]
    public void MultiStepGivesEachNumberAnEqualPartOfTheStepsInTheOrderGiven()
    {
        Assert.Equal([1, 1, 1, 4, 4, 4, 2, 2, 2, 2], Enumerable.Range(0, 10).Select(Schedule("multi-step", 1, 16, 9, [1, 4, 2]).At));
        Assert.Equal([8, 8, 8, 2, 2], Enumerable.Range(0, 5).Select(Schedule("multi-step", 1, 16, 5, [8, 2]).At));
    }

    [Fact]
    public void AllPartsOfAnOptimizerStepHaveTheSameNumberOfExperts()
    {
        var options = Some.SmallModel();
        (options.Experts, options.ExpertsPerToken, options.Router.ActiveExperts.Schedule) = (6, 6, "linear");
        options.Check();
        var trainer = new TrainerOptions { Steps = 6, BatchSize = 2, Accumulation = 3 };
        var model = new DecoderLm(options, 30, seed: 1);
        using var optimizer = new WeightOptimizer(model.Weights, trainer);
        int[] tokens = [.. Enumerable.Range(0, 300).Select(i => i * i % 30)];
        var data = new TrainingMix([new TextDomain("text", 1, new TokenStream("train", tokens), new TokenStream("validation", tokens), new TokenStream("test", tokens))]);
        var step = new LanguageModelStep(model, optimizer, data, trainer, seed: 4, length: 12, device: null);

        for (var t = 0; t < trainer.Steps; t++)
        {
            var ops = new TorchOps(training: true);
            var expected = Enumerable.Range(0, trainer.Accumulation).Average(part => LanguageModelLoss.Of(model, data.Batch(4, t, part, 2, 12),
                new ForwardContext(ops) { SequenceLength = 12, ActiveExperts = ops.Ints(1 + (int)Math.Round(5 * t / 6.0)) }).item<float>());
            var measured = step.Run(t);
            Assert.Equal(expected, measured.Loss, 1e-6);
            Assert.Equal(1 + (int)Math.Round(5 * t / 6.0), measured.ActiveExperts);
        }
    }

    [Fact]
    public void AnExponentialScheduleOfTooFewStepsIsRefused()
    {
        var error = Assert.Throws<UserError>(() => Schedule("exponential", 1, 4, 299));
        Assert.Equal("Model:Router:ActiveExperts:Schedule is exponential, which changes every 300th part of the training, but Trainer:Steps is 299; it must be 300 or more.", error.Message);
    }

    private static TopKSchedule Schedule(string kind, int least, int most, int steps, int[]? stages = null)
    {
        var options = new ModelOptions { Experts = most, ExpertsPerToken = most };
        var active = options.Router.ActiveExperts;
        (active.Schedule, active.Least, active.Stages) = (kind, least, stages ?? []);
        options.Check();
        return TopKSchedule.Of(options, new TrainerOptions { Steps = steps })!;
    }
}
