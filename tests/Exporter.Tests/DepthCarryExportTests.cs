using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Tests;

/// <summary>What layers hand to each other within a pass, in exported files.</summary>
public class DepthCarryExportTests
{
    private static readonly Dictionary<string, Action<ModelOptions>> Models = new()
    {
        ["gru"] = o => (o.Router.Scores, o.Router.Recurrent.Width) = ("recurrent", 16),
        ["lstm, shared projector, residual"] = o => (o.Router.Scores, o.Router.Recurrent.Width, o.Router.Recurrent.Cell, o.Router.Recurrent.Projector, o.Router.Recurrent.LogitResidual)
            = ("recurrent", 16, "lstm", "shared", 0.5),
        ["rnn"] = o => (o.Router.Scores, o.Router.Recurrent.Width, o.Router.Recurrent.Cell) = ("recurrent", 16, "rnn"),
        ["momentum, learned"] = o => (o.Residual.Kind, o.Residual.Learned) = ("heavy-ball", true),
        ["Adam first, post-norm, minus"] = o => (o.Residual.Kind, o.Residual.Sign, o.Residual.Decay, o.Block) = ("adam", "minus", 1, "post-norm"),
        ["robust momentum"] = o => o.Residual.Kind = "robust",
        ["plain post-norm"] = o => o.Block = "post-norm",
        ["recurrent router with momentum"] = o => (o.Router.Scores, o.Router.Recurrent.Width, o.Residual.Kind) = ("recurrent", 16, "heavy-ball"),
    };

    public static TheoryData<string, ExportTarget> Cases()
    {
        var cases = new TheoryData<string, ExportTarget>();
        foreach (var model in Models.Keys)
        {
            cases.Add(model, ExportTarget.OnnxMoe);
            cases.Add(model, ExportTarget.OnnxRuntime);
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheFileChoosesTheModelsExpertsAndGivesItsLogits(string kind, ExportTarget target)
    {
        var model = Model(kind);
        using var exported = new Exported(model, target);
        using var session = exported.Open();
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(20), Some.Tokens(20, 2)]);
        var (expected, actual) = (TorchRunner.Run(model, inputs), session.Run(inputs));

        Assert.Equal(model.Outputs.Select(output => output.Name).Order(), actual.Keys.Order());
        for (var layer = 0; layer < 3; layer++)
            // A token's experts of nearly equal scores may come in either order.
            Assert.Equal(Picks(expected[$"routing.{layer}.indices"]), Picks(actual[$"routing.{layer}.indices"]));
        Near.Equal(expected["logits"], actual["logits"], 1e-4);
    }

    [Fact]
    public void TheSharedCellIsStoredOnceAndWrittenOut()
    {
        var model = Model("gru");
        using var exported = new Exported(model);

        Assert.Equal(["router.cell.input", "router.cell.input_bias", "router.cell.state", "router.cell.state_bias"],
            exported.Model.Initializers.Select(initializer => initializer.Name).Where(name => name.Contains("cell", StringComparison.Ordinal)).Order());
        Assert.Equal(3, exported.Model.Proto.Graph.Node.Count(node => node.Input.Contains("router.cell.state")));
        Assert.DoesNotContain("GRU", exported.Operators); // it recurs over positions, not over layers
    }

    private static DecoderLm Model(string kind) => Some.Model(options =>
    {
        options.Layers = 3;
        Models[kind](options);
    });

    /// <summary>The experts of each token in the order of their numbers.</summary>
    private static IEnumerable<long> Picks(HostTensor indices) => indices.ToInt64().Chunk((int)indices.Shape[^1]).SelectMany(picks => picks.Order());
}
