using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>The rules that dense models must keep to become the experts of one model.</summary>
internal static class DenseSources
{
    /// <summary>Settings that the models and what is made of them must have in common: those that equal shapes do not tell.</summary>
    private static readonly (string Key, Func<ModelOptions, object> Value)[] Common =
    [
        (nameof(ModelOptions.Block), options => options.Block),
        (nameof(ModelOptions.Layers), options => options.Layers),
        (nameof(ModelOptions.HiddenSize), options => options.HiddenSize),
        (nameof(ModelOptions.Heads), options => options.Heads),
        (nameof(ModelOptions.KvHeads), options => options.KvHeads == 0 ? options.Heads : options.KvHeads),
        (nameof(ModelOptions.RopeBase), options => options.RopeBase),
        (nameof(ModelOptions.NormEpsilon), options => options.NormEpsilon),
        (nameof(ModelOptions.TiedHead), options => options.TiedHead),
        (nameof(ModelOptions.Activation), options => options.Activation),
        (nameof(ModelOptions.Gated), options => options.Gated),
        (nameof(ModelOptions.FfnBias), options => options.FfnBias),
    ];

    /// <exception cref="UserError">Fewer than two models, one that is not dense, or the first setting in which they differ.</exception>
    public static void Check(string convert, IReadOnlyList<TrainedModel> sources, ModelOptions target)
    {
        if (sources.Count < 2)
            throw new UserError($"Start:Convert '{convert}' makes an expert of each model, so it needs two or more, but Start:From names {sources.Count}.");
        foreach (var source in sources)
        {
            if (source.Model.RoutedLayers.Any())
                throw new UserError($"Start:Convert '{convert}' takes dense models, but '{source.Manifest.Name}' has routed layers.");
            CheckForm(convert, source, target);
        }
        if (target.FirstDenseLayers == 0 && target.SharedExperts > 0)
            throw new UserError($"Start:Convert '{convert}' has nothing to make shared experts from; set Model:SharedExperts to 0.");
    }

    /// <exception cref="UserError">The first setting in which a model and what is made of it must not differ, but do.</exception>
    public static void CheckForm(string convert, TrainedModel source, ModelOptions target)
    {
        foreach (var (key, value) in Common)
        {
            var (given, wanted) = (value(source.Model.Options), value(target));
            if (!given.Equals(wanted))
                throw new UserError($"Start:Convert '{convert}' needs models of the same form, but Model:{key} is {given} in '{source.Manifest.Name}' and {wanted} in this recipe.");
        }
    }
}
