using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Transformer blocks one after the other; a supernet runs some of them, at smaller sizes.</summary>
public sealed class BlockStack(LayerScope scope, IReadOnlyList<Block> blocks) : Layer(scope)
{
    private int[] _kept = [.. Enumerable.Range(0, blocks.Count)];

    /// <summary>All blocks.</summary>
    public IReadOnlyList<Block> Blocks => blocks;

    /// <summary>Those that passes run, in order.</summary>
    public IReadOnlyList<Block> Kept => [.. _kept.Select(i => blocks[i])];

    /// <summary>The routed layers in order.</summary>
    public IEnumerable<RoutedLayer> RoutedLayers => blocks.SelectMany(block => block.RoutedLayers);

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => Kept.SelectMany(block => block.CostOfToken(context));

    public override double IdleParameters(CostContext context) => blocks.Sum(block => block.IdleParameters(context));

    /// <summary>Numbers of the blocks that a smaller model keeps.</summary>
    /// <param name="all">Blocks there are.</param>
    /// <param name="count">Blocks to keep.</param>
    /// <param name="spread">floor(i * all / count), evenly spread (Xu et al. 2022, arXiv 2201.12507); else the first ones.</param>
    public static int[] Keep(int all, int count, bool spread) => [.. Enumerable.Range(0, count).Select(i => spread ? i * all / count : i)];

    /// <summary>Makes passes run blocks of those sizes, as many as there are sizes.</summary>
    /// <param name="sizes">Of each block that is kept.</param>
    /// <param name="spread">See <see cref="Keep"/>.</param>
    public void Use(IReadOnlyList<BlockSizes> sizes, bool spread)
    {
        _kept = Keep(blocks.Count, sizes.Count, spread);
        for (var i = 0; i < sizes.Count; i++)
            blocks[_kept[i]].Use(sizes[i]);
    }

    public Value Forward(Value x, ForwardContext context)
    {
        foreach (var block in _kept)
            x = blocks[block].Forward(x, context);
        return x;
    }
}
