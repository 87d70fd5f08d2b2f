using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Rules between the settings of <see cref="HeadRoutingOptions"/> and the model's.</summary>
internal static class HeadRoutingCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first settings that do not go together.</summary>
    public static void CheckHeads(this ModelOptions options)
    {
        var heads = options.HeadRouting;
        if (heads.HeadsPerToken == 0)
        {
            Require(heads.HeadsPerSequence == 0, "Model:HeadRouting:HeadsPerSequence is set, but heads are not routed; set Model:HeadRouting:HeadsPerToken");
            return;
        }
        Require(heads.HeadsPerToken <= options.Heads, $"Model:HeadRouting:HeadsPerToken is {heads.HeadsPerToken}; there are only {options.Heads} heads (Model:Heads)");
        Require(heads.HeadsPerSequence <= options.Heads, $"Model:HeadRouting:HeadsPerSequence is {heads.HeadsPerSequence}; there are only {options.Heads} heads (Model:Heads)");
        Require(options.KvHeads == 0 || options.KvHeads == options.Heads,
            $"Model:KvHeads is {options.KvHeads}, but heads that are routed have keys and values of their own; set it to 0 or to Model:Heads {options.Heads}");
        Require(heads.HeadsPerSequence == 0 || options.Router.Selection == PatchOptions.Selection,
            $"Model:HeadRouting:HeadsPerSequence selects heads for a whole sequence, which only Model:Router:Selection={PatchOptions.Selection} does (in an encoder, because it looks at all tokens)");
        Require(options.AttentionBank.Experts == 0,
            "Model:HeadRouting:HeadsPerToken routes the heads of one attention layer, but Model:AttentionBank:Experts puts several attention experts in its place; use one of the two");
        options.CheckSelection();
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
