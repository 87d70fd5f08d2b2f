using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Rules of sizes that differ from block to block, and of an encoder-decoder.</summary>
internal static class LayerSizesCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first size of a head or a block that does not fit.</summary>
    public static void CheckHeadSizes(this ModelOptions options)
    {
        Require(options.HeadSize > 0 || options.HiddenSize % options.Heads == 0, $"Model:Heads is {options.Heads}, which does not divide Model:HiddenSize {options.HiddenSize}");
        Require(options.HeadSize > 0 || options.HiddenSize / options.Heads % 2 == 0, $"Model:HiddenSize / Model:Heads is {options.HiddenSize / options.Heads}; rotary embeddings need an even head size");
        Require(options.HeadSize % 2 == 0, $"Model:HeadSize is {options.HeadSize}; rotary embeddings need an even one");
        var plain = options.AttentionBank.Experts == 0 && options.HeadRouting.HeadsPerToken == 0 && options.Router.Mixer.Kind != "attention";
        Require(plain || (options.HeadSize == 0 && options.LayerHeads.Length == 0), "Model:HeadSize and Model:LayerHeads are for ordinary attention; the heads of Model:AttentionBank, Model:HeadRouting and attention-aware routers share Model:HiddenSize evenly");
        PerBlock(options.LayerHeads, options.Layers, "Model:LayerHeads");
        Require(options.LayerHeads.Length == 0 || options.HeadSize > 0, "Model:LayerHeads needs Model:HeadSize, the size that all heads have");
        Require(options.LayerHeads.Length == 0 || options.KvHeads == 0, $"Model:KvHeads is {options.KvHeads}, but Model:LayerHeads gives each block its own heads; set it to 0");
        PerBlock(options.LayerHidden, options.Layers, "Model:LayerHidden");
        Require(options.LayerHidden.Length == 0 || options.FirstDenseLayers == options.Layers, "Model:LayerHidden is for dense models; set Model:FirstDenseLayers to Model:Layers");
    }

    /// <summary>Throws a <see cref="UserError"/> that names the first setting that an encoder-decoder does not have, or that only one has.</summary>
    public static void CheckEncoderDecoder(this ModelOptions options)
    {
        var target = options.Target;
        if (options.Backbone != ModelOptions.EncoderDecoder)
        {
            Require(target is { Layers: 0, HiddenSize: 0, LayerHeads.Length: 0, CrossHeads.Length: 0, LayerHidden.Length: 0 }, $"Model:Target gives sizes of the decoder of an encoder-decoder, but Model:Backbone is {options.Backbone}");
            return;
        }
        Require(options.FirstDenseLayers == options.Layers, $"Model:FirstDenseLayers is {options.FirstDenseLayers}, but an encoder-decoder has no routed layers; set it to Model:Layers {options.Layers}");
        Require(options.Block == "pre-norm", $"Model:Block is {options.Block}; an encoder-decoder has pre-norm blocks");
        Require(options.HeadRouting.HeadsPerToken == 0, "Model:HeadRouting:HeadsPerToken asks for routed heads, which an encoder-decoder does not have; set it to 0");
        Require(options.HeadSize > 0 || target.HiddenSize == 0 || target.HiddenSize == options.HiddenSize, "Model:Target:HiddenSize differs from Model:HiddenSize; set Model:HeadSize, which both halves share");
        var layers = target.Layers > 0 ? target.Layers : options.Layers;
        PerBlock(target.LayerHeads, layers, "Model:Target:LayerHeads");
        PerBlock(target.CrossHeads, layers, "Model:Target:CrossHeads");
        PerBlock(target.LayerHidden, layers, "Model:Target:LayerHidden");
    }

    private static void PerBlock(int[] sizes, int blocks, string setting)
    {
        Require(sizes.Length == 0 || sizes.Length == blocks, $"{setting} has {sizes.Length} numbers for {blocks} blocks; give one for each, or none");
        Require(sizes.All(size => size > 0), $"{setting} is {string.Join(',', sizes)}; every block needs 1 or more");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
