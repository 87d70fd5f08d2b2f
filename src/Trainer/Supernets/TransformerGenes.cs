using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// What the genes of a transformer mean: width, depth, heads and hidden (of all blocks, or one gene for each) or ratio (hidden size by width), and of an
/// encoder-decoder the same of its decoder, target-..., with target-cross, the heads that look at the encoder. A gene that a space does not have stays as in
/// the recipe. In a space of several <see cref="SubSpaces"/> width@NAME is the width of one.
/// </summary>
public static class TransformerGenes
{
    private static readonly string[] Known = ["width", "depth", "heads", "hidden", "ratio", SubSpaces.Gene];
    private static readonly string[] KnownOfTarget = ["target-width", "target-depth", "target-heads", "target-cross", "target-hidden"];

    /// <summary>Checks that a space fits a recipe, whose sizes are only those that the space has no genes for.</summary>
    /// <exception cref="UserError">Names what does not fit.</exception>
    public static void Check(ModelOptions options, SearchSpace space)
    {
        string[] known = options.Backbone == ModelOptions.EncoderDecoder ? [.. Known, .. KnownOfTarget] : Known;
        foreach (var group in space.Groups)
        {
            var name = group.Name.Split('@')[0];
            Require(known.Contains(name), $"has the gene '{group.Name}', which a transformer (Model:Backbone={options.Backbone}) does not have; it has {string.Join(", ", known)}");
            for (var choice = 0; name != SubSpaces.Gene && choice < group.Choices.Count; choice++)
                Require(group.Number(choice) > 0 && (name == "ratio" || group.Number(choice) == Math.Floor(group.Number(choice))), $"lets '{group.Name}' be {group.Choices[choice]}; it must be a positive {(name == "ratio" ? "" : "whole ")}number");
        }
        Require(options.Backbone is ModelOptions.Decoder or ModelOptions.MaskedLm or ModelOptions.EncoderDecoder, $"has genes of a transformer, but Model:Backbone is {options.Backbone}");
        Require(options.FirstDenseLayers == options.Layers && options.Block is "pre-norm" or "parallel" && options.AttentionBank.Experts == 0 && options.HeadRouting.HeadsPerToken == 0 && options.PreGate.Layers == 0,
            "needs dense blocks with ordinary attention: set Model:FirstDenseLayers to Model:Layers, and Model:Block to pre-norm or parallel");
        Require(options.LayerHeads.Length == 0 && options.LayerHidden.Length == 0 && options.Target is { LayerHeads.Length: 0, CrossHeads.Length: 0, LayerHidden.Length: 0 },
            "gives the blocks their sizes; leave Model:LayerHeads, Model:LayerHidden and those of Model:Target empty");
        Require(options.KvHeads == 0 || space.Groups.All(group => !group.Name.StartsWith("heads", StringComparison.Ordinal)), $"has a gene of heads, but Model:KvHeads is {options.KvHeads}; set it to 0");
        foreach (var architecture in SubSpaces.Ends(space))
            OptionsOf(options, architecture).Check();

        void Require(bool rule, string broken)
        {
            if (!rule)
                throw new UserError($"The search space '{space.Name}' {broken}.");
        }
    }

    /// <summary>The ordinary model that an architecture stands for.</summary>
    public static ModelOptions OptionsOf(ModelOptions options, Architecture architecture)
    {
        var sizes = options.Copy();
        var genes = new Reader(architecture);
        sizes.HeadSize = BlockBuilder.HeadSize(options);
        sizes.HiddenSize = genes.One("width") ?? sizes.HiddenSize;
        sizes.Layers = sizes.FirstDenseLayers = genes.One("depth") ?? sizes.Layers;
        (sizes.Heads, sizes.LayerHeads) = genes.Blocks("heads", sizes.Layers, sizes.Heads);
        (sizes.DenseHidden, sizes.LayerHidden) = genes.Blocks("hidden", sizes.Layers, BlockBuilder.DenseHidden(sizes));
        if (genes.Number("ratio") is { } ratio)
            sizes.DenseHidden = (int)(sizes.HiddenSize * ratio);
        if (options.Backbone != ModelOptions.EncoderDecoder)
            return sizes;
        var target = sizes.Target;
        target.HiddenSize = genes.One("target-width") ?? EncoderDecoder.TargetWidth(options);
        target.Layers = genes.One("target-depth") ?? EncoderDecoder.SizesOfTarget(options).Count;
        int[] Filled(string gene, int otherwise) => genes.Blocks(gene, target.Layers, otherwise) is var (one, each) && each.Length > 0 ? each : [.. Enumerable.Repeat(one, target.Layers)];
        target.LayerHeads = Filled("target-heads", options.Heads);
        target.CrossHeads = Filled("target-cross", options.Heads);
        target.LayerHidden = Filled("target-hidden", BlockBuilder.DenseHidden(options));
        return sizes;
    }

    /// <summary>Reads the genes of an architecture, of its sub-space where there are several.</summary>
    private sealed class Reader(Architecture architecture)
    {
        private readonly string _suffix = SubSpaces.Count(architecture.Space) == 1 ? "" : $"@{architecture.Word(SubSpaces.Gene)}";

        /// <summary>A gene as a number; null where the space does not have it.</summary>
        public double? Number(string name) => Find(name) is { } group ? architecture.Number(group.Name) : null;

        /// <summary>The same as a whole number.</summary>
        public int? One(string name) => (int?)Number(name);

        /// <summary>Sizes of the blocks: one for all, or where the space has a gene for each, each one's.</summary>
        public (int All, int[] Each) Blocks(string name, int blocks, int otherwise)
        {
            if (Find(name) is not { } group)
                return (otherwise, []);
            if (group.Count == 1)
                return (architecture.Whole(group.Name), []);
            return group.Count >= blocks ? (otherwise, [.. Enumerable.Range(0, blocks).Select(block => architecture.Whole(group.Name, block))])
                : throw new UserError($"The search space '{architecture.Space.Name}' has {group.Count} genes '{name}', but an architecture of it has {blocks} blocks; give one for all, or one for each.");
        }

        private GeneGroup? Find(string name) => architecture.Space.Groups.FirstOrDefault(group => group.Name == name + _suffix) ?? architecture.Space.Groups.FirstOrDefault(group => group.Name == name);
    }
}
