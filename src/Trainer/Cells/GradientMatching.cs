using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Cells;

/// <summary>How much the operations of an edge disagree about the weights that they share: the cosines of the gradients that each of them wants (Hu et al. 2022, GM-NAS, arXiv 2203.15207).</summary>
public static class GradientMatching
{
    /// <summary>What all operations of an edge share: the trained weights of the cells and of the blocks between them, without any operation of that edge; stem and head are left out.</summary>
    public static IReadOnlyList<Weight> SharedWeights(CellClassifier supernet, int edge)
    {
        var own = supernet.Cells.SelectMany(cell => cell.Edges[edge]).SelectMany(op => op.Weights).ToHashSet();
        return [.. supernet.StageWeights.Where(weight => weight.IsTrainable && !own.Contains(weight))];
    }

    /// <summary>Distances of the operations of an edge, averaged over batches, each with an architecture of its own on the other edges. Leaves no trace in the supernet.</summary>
    /// <param name="supernet">No gradients are there.</param>
    /// <param name="paths">Draws the architectures; the operation of the edge is replaced.</param>
    /// <param name="edge">Which one.</param>
    /// <param name="batch">The training examples of a comparison.</param>
    /// <param name="repeats">Comparisons.</param>
    /// <param name="device">Where the supernet is; null for the CPU.</param>
    /// <returns>[n, n], symmetric, 0 to 2.</returns>
    public static double[,] Distances(CellClassifier supernet, PathSampler paths, int edge, Func<int, LabeledSequences> batch, int repeats, Device? device = null)
    {
        var (active, weights, ops) = (supernet.Active, SharedWeights(supernet, edge), new TorchOps(training: true, device));
        var count = supernet.Candidates[edge].Count;
        var mean = new double[count, count];
        for (var repeat = 0; repeat < repeats; repeat++)
        {
            using var scope = NewDisposeScope();
            var (examples, genes) = (batch(repeat), paths.Sample(repeat)[0].Genes.ToArray());
            double[][] gradients = [.. Enumerable.Range(0, count).Select(op =>
            {
                genes[edge] = op;
                supernet.Active = supernet.Space.Of(genes);
                var logits = ClassifierLoss.Logits(supernet, examples, new ForwardContext(ops) { BatchStatistics = BatchStatistics.Unrecorded });
                ClassifierLoss.CrossEntropy(logits, examples).backward();
                var gradient = GradientProbe.Vector(weights);
                foreach (var weight in supernet.NetworkWeights.Where(weight => weight.IsTrainable))
                    weight.Parameter.grad = null;
                return gradient;
            })];
            var distances = GradientProbe.Distances(gradients);
            for (var i = 0; i < count; i++)
                for (var j = 0; j < count; j++)
                    mean[i, j] += distances[i, j] / repeats;
        }
        supernet.Active = active;
        return mean;
    }
}
