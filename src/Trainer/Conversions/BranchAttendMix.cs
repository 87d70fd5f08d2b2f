using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// Branch-Attend-Mix (BAM; Zhang et al. 2024, arXiv 2408.08274): as <see cref="BranchTrainMix"/>, but the attention layers become experts too.
/// Where experts share keys and values, those are the mean.
/// </summary>
public sealed class BranchAttendMix : BranchTrainMix
{
    public override string Name => "bam";

    protected override IReadOnlyList<UpcycleRule> AttentionRules(ModelOptions options)
    {
        var bank = options.AttentionBank;
        if (bank.Experts == 0)
            throw new UserError("Start:Convert 'bam' makes attention experts, but Model:AttentionBank:Experts is 0; set it to the number of models, or use 'btx', which takes the mean of their attention.");
        var size = options.HiddenSize;
        var keySize = (options.KvHeads == 0 ? options.Heads : options.KvHeads) * (size / options.Heads);
        var keyKind = bank.KeyValues == AttentionBankOptions.Shared ? UpcycleKind.Mean : UpcycleKind.Copy;
        UpcycleRule Projection(string name, UpcycleKind kind, long start, long length) =>
            new($"layers.*.attention.{name}", kind, "layers.*.attention.qkv") { Columns = (start, length) };
        return
        [
            new("layers.*.attention.router.*", UpcycleKind.Random),
            Projection("query", UpcycleKind.Copy, 0, size),
            Projection("key", keyKind, size, keySize),
            Projection("value", keyKind, size + keySize, keySize),
            new("layers.*.attention.output", UpcycleKind.Copy),
        ];
    }
}
