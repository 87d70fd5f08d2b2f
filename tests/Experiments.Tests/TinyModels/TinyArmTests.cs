using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.Tests.Support;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using static TorchSharp.torch;

namespace OnnxMoe.Experiments.Tests.TinyModels;

public sealed class TinyArmTests
{
    [Fact]
    public void APhaseStartsWhereItsModelEnded()
    {
        var first = new TinyArm("first", "", Some.Setup());
        var model = first.Train(1, Some.Data(), null, default);
        var result = new Measurement("second", 1, "");
        Further(model.Model, phase: 1).Run(1, Some.Data(), result, _ => { }, default);
        Assert.Equal(model.BitsPerCharacter, result[TinyArm.StartBits], 9);
        Assert.NotEqual(model.BitsPerCharacter, result[TinyArm.Bits]);
    }

    [Fact]
    public void PhasesOfASeedMeetOtherBatches()
    {
        var start = new TinyArm("first", "", Some.Setup()).Train(1, Some.Data(), null, default).Model;
        double FirstLoss(int phase) => Further(start, phase).Train(1, Some.Data(), null, default).Steps[0].Loss;
        Assert.Equal(FirstLoss(1), FirstLoss(1));
        Assert.NotEqual(FirstLoss(1), FirstLoss(2));
    }

    [Fact]
    public void SharesChooseAmongTheDomains()
    {
        TextDomain Of(char letter)
        {
            var tokens = new TokenStream($"{letter}", new ByteTokenizer().Encode(new string(letter, 400)));
            return new TextDomain($"{letter}", 0.5, tokens, tokens, tokens);
        }
        var data = new TokenDataset(new ByteTokenizer(), [Of('a'), Of('b')]);
        double[] Losses(double[] shares) => [.. new TinyArm("arm", "", Some.Setup(trainer: options => (options.Steps, options.LearningRate) = (20, 0.01))) { Shares = shares }
            .Train(1, data, null, default).Validation.DomainLosses];
        var (a, b) = (Losses([3, 0]), Losses([0, 1]));
        Assert.True(a[0] < a[1] && b[1] < b[0], $"{a[0]} < {a[1]}, {b[1]} < {b[0]}");
    }

    [Fact]
    public void WhatAnArmStartsFromIsInItsFingerprint()
    {
        string Of(string from, int phase, params double[] shares) => new TinyArm("arm", "", Some.Setup()) { Start = (_, _) => { }, StartsFrom = from, Phase = phase, Shares = shares }.Fingerprint(1, new DataOptions());
        string[] all = [Of("a", 0), Of("b", 0), Of("a", 1), Of("a", 0, 1, 2), new TinyArm("arm", "", Some.Setup()).Fingerprint(1, new DataOptions())];
        Assert.Equal(all.Length, all.Distinct().Count());
    }

    private static TinyArm Further(DecoderLm from, int phase) => new("second", "", Some.Setup())
    {
        Phase = phase,
        Start = (model, _) =>
        {
            using var noGrad = no_grad();
            foreach (var (own, given) in model.Weights.Zip(from.Weights))
                own.Parameter.copy_(given.Parameter);
        },
    };
}
