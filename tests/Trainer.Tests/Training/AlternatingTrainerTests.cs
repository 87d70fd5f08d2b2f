using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Tests.Training;

public class AlternatingTrainerTests
{
    [Fact]
    public void PhasesFollowEachOtherAndRoundsShrinkTheRates()
    {
        var made = new List<(string Phase, int Step, double Rate)>();
        TrainingPhase Phase(string name, int steps, double rate) => new(steps, rate, null, (step, at) =>
        {
            made.Add((name, step, at));
            return new StepMetrics(0, new Dictionary<string, double>(), 0, at, 0);
        });
        using var trainer = new AlternatingTrainer([Phase("router", 2, 1), Phase("model", 3, 10)], roundDecay: 0.8, finalRate: 0.1);
        for (var step = 0; step < 11; step++)
            trainer.Run(step);

        Assert.Equal("router router model model model router router model model model router".Split(' '), made.Select(step => step.Phase));
        Assert.Equal(Enumerable.Range(0, 11), made.Select(step => step.Step));
        Assert.Equal([1, 10, 0.8, 8, 0.64], new[] { 0, 2, 5, 7, 10 }.Select(step => Math.Round(made[step].Rate, 9))); // each phase begins at its peak
        Assert.Equal(0.1 + 0.9 / 2, made[1].Rate, 1e-9); // half of the cosine
        Assert.Equal(10 * (0.1 + 0.9 * (0.5 + 0.25)), made[3].Rate, 1e-9); // a third of it
    }
}
