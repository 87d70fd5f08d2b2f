using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>Measures a classifier.</summary>
/// <param name="model">The model.</param>
/// <param name="batchSize">Sequences at a time.</param>
/// <param name="device">Where the model is; null for the CPU.</param>
public sealed class ClassifierEvaluator(Classifier model, int batchSize, Device? device)
{
    private readonly TorchOps _ops = new(training: false, device);

    /// <summary>What batch normalizations use; null: the stored statistics.</summary>
    public BatchStatistics? Statistics { get; init; }

    /// <param name="data">All of it is measured.</param>
    /// <param name="trace">Takes the routing of every position, a request for each sequence; may be null.</param>
    public Classification Run(LabeledSequences data, RoutingTraceWriter? trace = null)
    {
        using var noGrad = no_grad();
        var load = model.RoutedLayers.Select(layer => new long[layer.Router.Experts]).ToArray();
        var (loss, right, done) = (0.0, 0L, 0);
        foreach (var batch in data.Batches(batchSize))
        {
            using var scope = NewDisposeScope();
            var context = new ForwardContext(_ops) { BatchStatistics = Statistics };
            var (mean, classes) = ClassifierLoss.Of(model, batch, context);
            loss += mean.item<float>() * (double)batch.Count;
            right += classes.cpu().data<long>().ToArray().Zip(batch.Labels).Count(pair => pair.First == pair.Second);
            Evaluator.Record(context, load, trace, firstRequest: done, batch.Count, batch.Length);
            done += batch.Count;
        }
        return new Classification(loss / done, right / (double)done, load, (long)done * data.Length);
    }
}
