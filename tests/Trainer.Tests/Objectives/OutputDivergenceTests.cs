using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Objectives;

public class OutputDivergenceTests
{
    private static Tensor Logits(int seed, double scale = 1) => randn(6, 4, dtype: ScalarType.Float64, generator: new Generator((ulong)seed)) * scale;

    [Theory]
    [InlineData(1)]
    [InlineData(2.5)]
    public void ItsGradientIsTheDifferenceOfTheDistributions(double temperature)
    {
        var student = Logits(1).requires_grad_();
        var teacher = OutputDivergence.Vote([Logits(2), Logits(3)], temperature);
        OutputDivergence.Of(student, teacher, temperature).backward();
        var expected = ((student.detach() / temperature).softmax(-1) - teacher) * (temperature / 6);
        Assert.InRange((student.grad! - expected).abs().max().item<double>(), 0, 1e-6);
    }

    [Fact]
    public void AStudentThatIsItsTeacherHasNothingToLearn()
    {
        var student = Logits(1).requires_grad_();
        var loss = OutputDivergence.Of(student, OutputDivergence.Vote([student.detach()], 1.5), 1.5);
        loss.backward();
        Assert.InRange(Math.Abs(loss.item<double>()), 0, 1e-7);
        Assert.InRange(student.grad!.abs().max().item<double>(), 0, 1e-6);
        Assert.InRange((OutputDivergence.Vote([Logits(2), Logits(2), Logits(2)], 1) - OutputDivergence.Vote([Logits(2)], 1)).abs().max().item<double>(), 0, 1e-12);
    }

    [Fact]
    public void TeachersVoteWithProbabilitiesNotWithLogits()
    {
        Tensor Pair(double a) => tensor([Math.Log(a), Math.Log(1 - a)], [1, 2]);
        double First(Tensor votes) => votes[0, 0].item<double>();
        Assert.Equal(0.5, First(OutputDivergence.Vote([Pair(0.9), Pair(0.1)], 1)), 1e-12);
        Assert.Equal((0.99 + 0.3) / 2, First(OutputDivergence.Vote([Pair(0.99), Pair(0.3)], 1)), 1e-12);
        Assert.NotEqual(First(((Pair(0.99) + Pair(0.3)) / 2).softmax(-1)), First(OutputDivergence.Vote([Pair(0.99), Pair(0.3)], 1)), 0.05);
        Assert.InRange((OutputDivergence.Vote([Logits(1, 5), Logits(2, 5)], 2).sum(-1) - 1).abs().max().item<double>(), 0, 1e-12);
    }

    /// <summary>KL(teacher || student): a class that the teacher excludes adds nothing, however unlikely or likely the student finds it.</summary>
    [Fact]
    public void TheTeacherComesFirst()
    {
        var teacher = tensor([1.0, 0.0], [1, 2]);
        Assert.Equal(Math.Log(2), OutputDivergence.Of(zeros(1, 2, dtype: ScalarType.Float64), teacher, 1).item<double>(), 1e-9);
        Assert.InRange(OutputDivergence.Of(tensor([30.0, -30.0], [1, 2]), teacher, 1).item<double>(), 0, 1e-9);
    }

    [Fact]
    public void WhatCannotBeComparedIsNamed()
    {
        Assert.Contains("they must have the same classes", Assert.Throws<UserError>(() => OutputDivergence.Of(Logits(1), ones(6, 3, dtype: ScalarType.Float64) / 3, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("A teacher's output is no number", Assert.Throws<UserError>(() => OutputDivergence.Vote([Logits(1), Logits(1) * double.NaN], 1)).Message, StringComparison.Ordinal);
    }
}
