using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Supernets;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>Initial weights of a transformer that is trained by <see cref="TransformerRun"/>.</summary>
public static class TransformerStart
{
    /// <summary>The settings, with the section Model of the model to start from where they ask for it (Start:TakeSizes).</summary>
    /// <exception cref="UserError">There is no such model.</exception>
    public static TrainSettings WithSizes(string modelFolder, TrainSettings settings)
    {
        if (!settings.Start.TakeSizes)
            return settings;
        if (settings.Start.Sources().Count != 1)
            throw new UserError("Start:TakeSizes takes the sizes of the model in Start:From, which must name one.");
        var source = ModelManifest.Load(StartModels.Folder(modelFolder, settings.Start.Sources()[0]));
        var model = source.Recipe?["Model"]?.Deserialize<ModelOptions>() ?? throw new UserError($"'{source.Name}' (Start:From) has no recipe with a section Model to take.");
        return model.Backbone == settings.Model.Backbone ? settings with { Model = model }
            : throw new UserError($"'{source.Name}' (Start:From) is a {source.Kind}, but Model:Backbone is {settings.Model.Backbone}; Start:TakeSizes needs the same kind.");
    }

    /// <summary>What sets them: a teacher's weights (Supernet:Distill:FromTeacher), or a trained model's of the same sizes (Start:From); null: they stay random.</summary>
    /// <exception cref="UserError">The model to start from has other sizes or tokens, or there are several.</exception>
    public static Action? Of(string modelFolder, TrainSettings settings, TransformerModel model, Distillation? distillation, ITokenizer tokenizer, TextWriter log)
    {
        if (settings.Start.Sources().Count == 0)
            return distillation is not null && settings.Supernet.Distill.FromTeacher ? () => CopyLeading(distillation.Teacher, model) : null;
        var source = settings.Start.Sources().Count == 1 && settings.Start.Convert == "copy" && settings.Supernet.Space.Length == 0 ? settings.Start.Sources()[0]
            : throw new UserError($"Start:From starts a model of Model:Backbone={settings.Model.Backbone} from one trained model of the same sizes (Start:Convert=copy), and no supernet.");
        var trained = TrainedModel.Load(StartModels.Folder(modelFolder, source));
        if (trained.Any is not TransformerModel from || !Sizes(from).SequenceEqual(Sizes(model)))
            throw new UserError($"'{source}' (Start:From) has other sizes than the model of this recipe; copy its section Model.");
        if (!StartModels.ReadsTokensOf(StartModels.Folder(modelFolder, source), trained.Manifest, tokenizer))
            throw new UserError($"'{source}' (Start:From) has other tokens than this recipe's section Data gives; use the same text for it.");
        return () =>
        {
            CopyLeading(from, model);
            log.WriteLine($"Initial weights from {source}.");
        };
    }

    /// <summary>Gives each weight the first elements of the teacher's weight of that name (of all sets of a weight), where that is as large.</summary>
    public static void CopyLeading(TransformerModel from, TransformerModel to)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var sources = from.Weights.ToDictionary(weight => weight.Name);
        foreach (var weight in to.Weights)
        {
            var name = weight.Name.StartsWith("expert.", StringComparison.Ordinal) ? weight.Name.Split('.', 3)[2] : weight.Name;
            if (!sources.TryGetValue(name, out var source) || source.Shape.Zip(weight.Shape).Any(pair => pair.First < pair.Second))
                continue;
            // Queries, keys and values stand side by side in one matrix; of each the first heads are taken.
            var thirds = name.EndsWith(".qkv", StringComparison.Ordinal) ? 3 : 1;
            var part = source.Parameter.detach();
            for (var dimension = 0; dimension < weight.Shape.Length - 1; dimension++)
                part = part.narrow(dimension, 0, weight.Shape[dimension]);
            var (width, used) = (source.Shape[^1] / thirds, weight.Shape[^1] / thirds);
            weight.Parameter.copy_(cat([.. Enumerable.Range(0, thirds).Select(third => part.narrow(-1, third * width, used))], -1));
        }
    }

    private static IEnumerable<string> Sizes(TransformerModel model) => model.Weights.Select(weight => $"{weight.Name} {string.Join(',', weight.Shape)}");
}
