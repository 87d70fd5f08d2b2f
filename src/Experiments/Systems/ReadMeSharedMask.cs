using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Experiments.Systems;

/// <summary>The baseline S of <see cref="ReadMe"/>: one mask for all text, of the same size as an expert, by the mean importance over the domains.</summary>
internal sealed class ReadMeSharedMask(string name, string description, Func<TinySetup> setup, TinyArm dense, PhaseModels models) : ReadMeArm(name, description, setup, dense, models)
{
    protected override ExpertMasks Settle(TinySetup settings, DecoderLm parent, TokenDataset data, long seed)
    {
        var importance = Importance(parent, data, settings.Trainer.SequenceLength, seed);
        float[][][] mean = [.. importance.Select(layer => new[] { Enumerable.Range(0, layer[0].Length).Select(unit => layer.Average(domain => domain[unit])).ToArray() })];
        var masks = ExpertMasks.Of(mean, ExpertMasks.UnitsAt(0.5, mean[0][0].Length));
        settings.Model.DenseHidden = masks.Kept;
        return masks;
    }

    protected override void Copy(DecoderLm parent, DecoderLm model, ExpertMasks masks)
    {
        using var noGrad = no_grad();
        foreach (var (from, to) in parent.Weights.Zip(model.Weights))
        {
            var name = from.Name.Split('.');
            if (name is not ["layers", var layer, "ffn", var part])
            {
                to.Parameter.copy_(from.Parameter);
                continue;
            }
            using var units = tensor(Array.ConvertAll(masks.Of(int.Parse(layer, System.Globalization.CultureInfo.InvariantCulture), 0), unit => (long)unit));
            using var kept = from.Parameter.index_select(part == "down" ? 0 : 1, units);
            to.Parameter.copy_(kept);
        }
    }

    protected override double StartOf(TinyRun run) => run.Bits(run.Evaluate()).Average();

    protected override ITrainingStep Training(TinyRun run, RoutingTeacher teacher, TokenDataset data) => BackboneOnly(run, data, null);

    protected override void Measure(TinyRun run, TokenDataset data, Measurement result) => Write(result, data, run.Bits(run.Validation));
}
