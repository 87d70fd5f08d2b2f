using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Tests.Layers;

namespace OnnxMoe.Trainer.Tests.Routers;

public class SelectionCheckTests
{
    private static readonly Dictionary<string, (string Backbone, string Selection, Action<ModelOptions> Change)> Mistakes = new()
    {
        ["so a causal model would see the future; use topk, or Model:Backbone=encoder"] = ("encoder", "patches", o => o.Backbone = "decoder"),
        ["Model:Router:Patches:ExpertsPerSequence selects experts for a whole sequence"] = ("decoder", "topk", o => o.Router.Patches.ExpertsPerSequence = 2),
        ["Model:HeadRouting:HeadsPerSequence selects heads for a whole sequence"] = ("decoder", "topk", o => o.HeadRouting.HeadsPerSequence = 2),
        ["Model:HeadRouting:HeadsPerSequence is set, but heads are not routed"] = ("encoder", "patches", o => (o.HeadRouting.HeadsPerToken, o.HeadRouting.HeadsPerSequence) = (0, 2)),
        ["Model:Router:Patches:Size is 3, which does not divide Model:ContextLength 8"] = ("encoder", "patches", o => o.Router.Patches.Size = 3),
        ["Model:Router:Patches:ExpertsPerSequence is 5; there are only 4 routed experts"] = ("encoder", "patches", o => o.Router.Patches.ExpertsPerSequence = 5),
        ["Model:HeadRouting:HeadsPerToken is 5; there are only 4 heads"] = ("encoder", "patches", o => o.HeadRouting.HeadsPerToken = 5),
        ["Model:HeadRouting:HeadsPerSequence is 5; there are only 4 heads"] = ("encoder", "patches", o => o.HeadRouting.HeadsPerSequence = 5),
        ["mark it with Model:Router:Frozen=true, or use sum"] = ("encoder", "patches", o => o.Router.WeightRule = "one"),
        ["Model:Router:WeightRule is softmax, but outputs of experts that take patches are added"] = ("encoder", "patches", o => o.Router.WeightRule = "softmax"),
        ["Model:KvHeads is 2, but heads that are routed have keys and values of their own"] = ("decoder", "topk", o => o.KvHeads = 2),
        ["which goes neither with Model:ZeroComputation nor with Model:Router:Capacity:Factor nor with Model:Chain:Iterations"] = ("encoder", "patches", o => o.ZeroComputation.Zero = 1),
        ["Model:HeadRouting:HeadsPerToken routes the heads of one attention layer"] = ("decoder", "topk", o => o.AttentionBank.Experts = 2),
        ["Model:AttentionBank:Experts asks for causal attention experts, which only language models have"] = ("encoder", "topk", o => o.AttentionBank.Experts = 2),
        ["Model:PreGate:Layers asks for a causal router before the model"] = ("encoder", "topk", o => o.PreGate.Layers = 1),
        ["Model:KvHeads is 2, which only language models have"] = ("encoder", "topk", o => o.KvHeads = 2),
        ["Model:Backbone is encoder, but Model:Router:ActiveExperts sets the number of experts"] = ("encoder", "topk", o => o.Router.ActiveExperts.Offered = [2, 4]),
    };

    public static TheoryData<string> Messages => [.. Mistakes.Keys];

    [Theory]
    [MemberData(nameof(Messages))]
    public void AreNamed(string message)
    {
        var (backbone, selection, change) = Mistakes[message];
        Assert.Contains(message, Assert.Throws<UserError>(() => Unions.Union(Unions.Dense(backbone), selection, change)).Message);
    }
}
