using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Exporter.Tests;

/// <summary>
/// Every router (and every way a routed layer joins the stream) with every kind of expert: two training steps, export to every target, and the same logits from ONNX Runtime as from
/// Torch, for one sequence and for several, whose results do not depend on each other.
/// </summary>
public class RouterExpertCrossTests
{
    /// <summary>A router each: what makes it, on the options of <see cref="Some.Options"/>.</summary>
    private static readonly Dictionary<string, Action<ModelOptions>> Routers = new()
    {
        ["top-k"] = _ => { },
        ["top-k renormalized"] = o => o.Router.WeightRule = "renormalized",
        ["top-p"] = o => (o.Router.Selection, o.ExpertsPerToken, o.Router.EntropyLoss, o.Router.BalanceNorm) = ("topp", 6, 1e-3, "tokens"),
        ["heavy-ball momentum"] = o => o.Residual.Kind = "heavy-ball",
        ["adam, then learned momentum, post-norm"] = o => (o.Residual.Kind, o.Residual.Learned, o.Block) = ("adam", true, "post-norm"),
        ["robust momentum"] = o => o.Residual.Kind = "robust",
        ["chain of two"] = o => o.Chain.Iterations = 2,
        ["normed chain of two, one choice"] = o => (o.Chain.Iterations, o.Chain.Base, o.Chain.Gate, o.Chain.Outer) = (2, "normed", "shared-choice", true),
        ["recurrent"] = o => (o.Router.Scores, o.Router.Recurrent.Width) = ("recurrent", 16),
        ["null experts"] = o => (o.ExpertsPerToken, o.ZeroComputation.Zero, o.Router.WeightRule, o.Router.NullBucket, o.Router.BalanceSchedule) = (3, 6, "renormalized", true, "0:0.1,0.5:0.01"),
        ["all kinds, gating residual, capacity"] = o =>
        {
            (o.ZeroComputation.Zero, o.ZeroComputation.Copy, o.ZeroComputation.Constant) = (1, 1, 2);
            (o.Router.Scores, o.Router.GatingResidual, o.Router.Tau, o.Router.Capacity.Factor) = ("mlp", "normal", 0.5, 1.1);
        },
        ["top-k of a sum"] = o => o.Router.WeightRule = "sum",
        ["top-k of a sum without a gate"] = o => (o.Router.WeightRule, o.Router.Frozen) = ("one", true),
        ["top-k with bias, frozen"] = o => (o.Router.Bias, o.Router.Frozen) = (true, true),
    };

    /// <summary>A kind of expert each.</summary>
    private static readonly Dictionary<string, Action<ModelOptions>> Experts = new()
    {
        ["gated"] = _ => { },
        ["plain relu with biases"] = o => (o.Gated, o.Activation, o.FfnBias) = (false, "relu", true),
        ["gelu"] = o => o.Activation = "gelu",
        ["gated and shared"] = o => o.SharedExperts = 2,
        ["gated with routed heads"] = o => (o.HeadRouting.HeadsPerToken, o.KvHeads) = (2, 4),
        ["gated beside attention experts"] = o => (o.Block, o.AttentionBank.Experts) = ("parallel", 3),
        ["gated beside attention experts of shared keys"] = o => (o.Block, o.AttentionBank.Experts, o.AttentionBank.KeyValues) = ("parallel", 3, "shared"),
    };

    public static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        foreach (var router in Routers.Keys)
        {
            foreach (var experts in Experts.Keys)
            {
                var options = new ModelOptions();
                Experts[experts](options);
                Routers[router](options);
                if (options.Block != "parallel" || options is { Residual.Kind: "plain", Chain.Base: not "normed" }) // what parallel blocks are refused
                    pairs.Add(router, experts);
            }
        }
        return pairs;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void TrainsAndExportsAndDoesNotDependOnTheBatch(string router, string experts)
    {
        var model = Trained(options =>
        {
            Experts[experts](options);
            Routers[router](options);
        });
        foreach (var target in new[] { ExportTarget.OnnxMoe, ExportTarget.OnnxRuntime })
        {
            using var exported = new Exported(model, target);
            foreach (var kernels in target == ExportTarget.OnnxMoe ? new[] { false, true } : [false])
            {
                using var session = exported.Open(kernels);
                foreach (var check in new CausalLmChecks(model, Some.Tokens(16)).Run(session, "", ModelExporter.AllowsLeftPadding(exported.Model), default))
                    Assert.True(check.MaxRelative < 1e-4, $"{check} for {target} with{(kernels ? "" : "out")} kernels");
                RowsAreAsAlone(model, session);
            }
        }
    }

    /// <summary>A model of two routed layers after two optimizer steps on random tokens.</summary>
    private static DecoderLm Trained(Action<ModelOptions> change)
    {
        var model = Some.Model(options =>
        {
            options.SharedExperts = 0;
            change(options);
        });
        var trainer = new TrainerOptions { Steps = 2, BatchSize = 3, LearningRate = 0.01, WarmupSteps = 0 };
        using var optimizer = new WeightOptimizer(model.Weights, trainer);
        var tokens = Some.Tokens(200).Select(id => (int)id).ToArray();
        var data = new TrainingMix([new TextDomain("random", 1, new TokenStream("train", tokens), new TokenStream("validation", tokens), new TokenStream("test", tokens))]);
        var step = new LanguageModelStep(model, optimizer, data, trainer, seed: 1, length: 12, device: null);
        for (var i = 0; i < trainer.Steps; i++)
            Assert.True(double.IsFinite(step.Run(i).Loss));
        return model;
    }

    private static void RowsAreAsAlone(Model model, OnnxSession session)
    {
        long[][] rows = [Some.Tokens(7, 1), Some.Tokens(7, 2), Some.Tokens(7, 3)];
        var together = session.Run(CausalLmStep.Inputs(model, rows), ["logits"])["logits"];
        for (var i = 0; i < rows.Length; i++)
        {
            var alone = session.Run(CausalLmStep.Inputs(model, [rows[i]]), ["logits"])["logits"];
            Near.Equal(Some.Tensor(together.AsSpan<float>().Slice(i * 7 * Some.Vocabulary, 7 * Some.Vocabulary).ToArray(), 1, 7, Some.Vocabulary), alone, 2e-5);
        }
    }
}
