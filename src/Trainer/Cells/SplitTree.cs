using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Cells;

/// <summary>
/// Which sub-supernet has which part of a space: at first one has all; each split divides what every one has by the operation of an edge. It is kept in stored
/// statistics, so that weight files and checkpoints have it. Child 0 of a split keeps the number of its parent p of m; child j is number p + j m.
/// </summary>
public sealed class SplitTree : Layer
{
    private readonly SearchSpace _space;
    private readonly int _operations;
    private readonly Weight _allowed;
    private readonly Weight _edges;
    private readonly Weight _distances;

    /// <param name="scope">Of the statistics.</param>
    /// <param name="space">What is divided; all genes have the same choices.</param>
    /// <param name="levels">Splits of each sub-supernet.</param>
    /// <param name="children">Of a split.</param>
    public SplitTree(LayerScope scope, SearchSpace space, int levels, int children) : base(scope)
    {
        (_space, _operations, Levels, Children) = (space, space.Choices[0], levels, children);
        var (edges, parents) = (space.Length, LeavesAt(levels - 1));
        _allowed = scope.Statistic("allowed", 0, LeavesAt(levels), edges, _operations);
        _edges = scope.Statistic("edges", -1, levels, parents);
        _distances = scope.Statistic("distances", -1, levels, parents, edges, _operations, _operations);
        using var noGrad = no_grad();
        _allowed.Parameter[0].fill_(1);
    }

    public int Levels { get; }

    /// <summary>Of a split.</summary>
    public int Children { get; }

    /// <summary>Sub-supernets after that many splits of each.</summary>
    public int LeavesAt(int level) => (int)Math.Pow(Children, level);

    /// <summary>Operations that each edge of a sub-supernet may use [edges][operations]; none of one that is not split off yet.</summary>
    public bool[][] AllowedOf(int leaf) => [.. _allowed.Parameter.detach()[leaf].cpu().contiguous().data<float>().ToArray().Select(value => value > 0).Chunk(_operations)];

    /// <summary>The rule: the one sub-supernet that has an architecture.</summary>
    public int Choose(Architecture architecture)
    {
        var allowed = _allowed.Parameter.detach().cpu().data<float>().ToArray();
        var genes = architecture.Genes;
        for (var leaf = 0; ; leaf++)
        {
            var has = true;
            for (var edge = 0; edge < genes.Length; edge++)
                has &= allowed[(((leaf * genes.Length) + edge) * _operations) + genes[edge]] > 0;
            if (has)
                return leaf;
        }
    }

    /// <summary>Divides what a sub-supernet has.</summary>
    /// <param name="level">Splits that it has behind it.</param>
    /// <param name="parent">Its number.</param>
    /// <param name="choice">By what.</param>
    public void Split(int level, int parent, SplitChoice choice)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var whole = _allowed.Parameter[parent].clone();
        for (var child = 0; child < Children; child++)
        {
            var part = _allowed.Parameter[parent + (child * LeavesAt(level))];
            part.copy_(whole);
            part[choice.Edge].copy_(tensor(choice.GroupOf.Select(group => group == child ? 1f : 0).ToArray()));
        }
        _edges.Parameter[level][parent].fill_(choice.Edge);
        for (var edge = 0; edge < _space.Length; edge++)
            if (choice.Distances[edge] is { } distances)
                _distances.Parameter[level][parent][edge].copy_(tensor(distances.Cast<double>().Select(value => (float)value).ToArray(), [_operations, _operations]));
    }

    /// <summary>How a sub-supernet was split; null: not yet.</summary>
    public SplitChoice? ChoiceAt(int level, int parent)
    {
        using var scope = NewDisposeScope();
        var edge = (int)_edges.Parameter[level][parent].item<float>();
        if (edge < 0)
            return null;
        var rows = Enumerable.Range(0, Children).Select(child => AllowedOf(parent + (child * LeavesAt(level)))[edge]).ToArray();
        var measured = _distances.Parameter.detach()[level][parent].cpu().contiguous().data<float>().ToArray().Chunk(_operations * _operations).Select(Matrix).ToArray();
        return new(edge, [.. Enumerable.Range(0, _operations).Select(op => Array.FindIndex(rows, row => row[op]))], measured);
    }

    private double[,]? Matrix(float[] values)
    {
        if (values[0] < 0)
            return null;
        var matrix = new double[_operations, _operations];
        for (var i = 0; i < values.Length; i++)
            matrix[i / _operations, i % _operations] = values[i];
        return matrix;
    }
}
