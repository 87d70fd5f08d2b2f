using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Branches;

/// <summary>
/// A network of residual blocks whose parallel branches have depthwise kernels of different sides (after Ding et al. 2021, HR-NAS, arXiv 2106.06560): a convolution,
/// blocks x + norm(sum of branches), the mean over the image, an output head.
/// </summary>
public sealed class BranchClassifier : ImageClassifier
{
    private readonly BranchOptions _shape;
    private readonly Convolution _stem;
    private readonly BatchNorm _stemNorm;
    private readonly Branch?[][] _blocks;
    private readonly BatchNorm?[] _norms;
    private readonly ElasticLinear _head;

    /// <param name="options">Its sizes are in <see cref="ModelOptions.Branches"/>.</param>
    /// <param name="sizes">Of the input and the output.</param>
    /// <param name="scope">Of the weights.</param>
    /// <exception cref="UserError">The sizes do not fit together.</exception>
    public BranchClassifier(ModelOptions options, ClassifierSizes sizes, LayerScope scope) : base(scope, sizes)
    {
        _shape = options.Branches;
        Check(_shape);
        (_stem, _stemNorm) = (new(scope.Child("stem"), sizes.Features, _shape.Width, 3), new(scope.Child("stem_norm"), _shape.Width));
        _blocks = new Branch?[_shape.Blocks][];
        _norms = new BatchNorm?[_shape.Blocks];
        for (var block = 0; block < _shape.Blocks; block++)
        {
            var inner = scope.Block(block);
            _blocks[block] = [.. _shape.Kernels.Select((kernel, branch) => _shape.HiddenOf(block, branch) is > 0 and var hidden
                ? new Branch(inner.Child($"branches.{branch}"), _shape.Width, hidden, kernel, _shape.InitialImportance) : null)];
            _norms[block] = _blocks[block].Any(branch => branch is not null) ? new BatchNorm(inner.Child("norm"), _shape.Width) : null;
        }
        _head = new(scope.Child("head"), _shape.Width, sizes.Classes, 1 / Math.Sqrt(_shape.Width));
    }

    /// <summary>All branches, with the side of the image that they see.</summary>
    public IEnumerable<(Branch Branch, int Block, int Side)> Branches =>
        _blocks.SelectMany((branches, block) => branches.Where(branch => branch is not null).Select(branch => (branch!, block, SideOf(block))));

    /// <summary>Hidden channels that passes use, block by block and branch by branch.</summary>
    public int[] AliveHidden => [.. _blocks.SelectMany(branches => branches.Select(branch => branch?.Alive.Count ?? 0))];

    /// <summary>Weights of all convolutions and of the head: what can be pruned.</summary>
    public IReadOnlyList<Weight> Matrices => [.. Weights.Where(weight => weight.Shape.Length > 1 && !weight.IsStatistic)];

    /// <summary>Of an image, all in the name of one position.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
    [
        new("stem", _stem.Flops(Side)),
        .. Branches.Select(one => new TokenCost("branches", one.Branch.Alive.Count * one.Branch.FlopsPerChannel(one.Side))),
        new("head", 2.0 * _shape.Width * Sizes.Classes),
    ];

    public override Value ForwardImage(Value image, ForwardContext context)
    {
        var h = _stemNorm.Forward(_stem.Forward(image), context).Relu();
        for (var block = 0; block < _blocks.Length; block++)
        {
            if (_shape.Pools.Contains(block))
                h = h.MaxPool([2, 2], strides: [2, 2]);
            Value? sum = null;
            foreach (var branch in _blocks[block])
                if (branch?.Forward(h, context) is { } result)
                    sum = sum is null ? result : sum + result;
            if (sum is not null)
                h += _norms[block]!.Forward(sum, context);
        }
        return _head.Forward(h.GlobalAveragePool().Reshape(0, -1), _shape.Width, Sizes.Classes);
    }

    private int SideOf(int block) => Side >> _shape.Pools.Count(pool => pool <= block);

    private void Check(BranchOptions shape)
    {
        void Require(bool holds, string otherwise)
        {
            if (!holds)
                throw new UserError(otherwise + ".");
        }
        Require(shape.Kernels.Length > 0 && shape.Kernels.All(kernel => kernel % 2 == 1), $"Model:Branches:Kernels is {string.Join(',', shape.Kernels)}; kernels have odd sides");
        Require(shape.Hidden.Length == 1 || shape.Hidden.Length == shape.Blocks * shape.Kernels.Length,
            $"Model:Branches:Hidden has {shape.Hidden.Length} numbers; give one for all, or {shape.Blocks * shape.Kernels.Length}, for {shape.Kernels.Length} branches of {shape.Blocks} blocks");
        Require(shape.Pools.All(pool => pool > 0 && pool < shape.Blocks), $"Model:Branches:Pools is {string.Join(',', shape.Pools)}; it must be numbers from 1 to {shape.Blocks - 1}, the last block's");
        Require(Side % (1 << shape.Pools.Length) == 0, $"{shape.Pools.Length} poolings cannot halve an image of {Side} pixels a side evenly; choose another Data:ImageSide or fewer poolings");
    }
}
