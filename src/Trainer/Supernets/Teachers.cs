using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>Loads the teacher that a recipe names.</summary>
internal static class Teachers
{
    /// <param name="modelFolder">Of the supernet; a name is that of a folder beside it.</param>
    /// <param name="options">The section Supernet:Distill.</param>
    /// <param name="supernet">What is to learn from it.</param>
    /// <param name="tokenizer">The supernet's.</param>
    /// <returns>Null where no teacher is named.</returns>
    /// <exception cref="UserError">It is no model of the supernet's kind and tokens, or an architecture is too narrow for its relations.</exception>
    public static TransformerModel? Load(string modelFolder, DistillOptions options, TransformerSupernet supernet, ITokenizer tokenizer)
    {
        if (options.Teacher.Length == 0)
            return null;
        var folder = StartModels.Folder(modelFolder, options.Teacher);
        var trained = TrainedModel.Load(folder);
        var student = supernet.Transformer;
        if (trained.Any is not TransformerModel teacher || trained.Supernet is not null || teacher.GetType() != student.GetType())
            throw new UserError($"Supernet:Distill:Teacher is '{options.Teacher}', a {trained.Manifest.Kind}{(trained.Supernet is null ? "" : " that is a supernet")}; the teacher must be an ordinary model of Model:Backbone={student.Options.Backbone}.");
        if (student is EncoderDecoder)
            throw new UserError("Supernet:Distill compares the last self-attention of one stack of blocks; an encoder-decoder has two, so leave Supernet:Distill:Teacher empty.");
        if (!StartModels.ReadsTokensOf(folder, trained.Manifest, tokenizer))
            throw new UserError($"The teacher '{options.Teacher}' has other tokens than the supernet; train both on the same Data:Source, Data:Tokenizer and Data:VocabularySize.");
        foreach (var architecture in SubSpaces.Ends(supernet.Space))
        {
            var sizes = supernet.OptionsOf(architecture);
            _ = SelfAttentionRelation.HeadSize((long)BlockBuilder.HeadSize(sizes) * BlockBuilder.Heads(sizes, sizes.Layers - 1), Distillation.Heads(teacher, options));
        }
        return teacher;
    }

    /// <summary>Which teacher it was, for the manifest.</summary>
    public static JsonObject Provenance(string modelFolder, DistillOptions options)
    {
        var manifest = ModelManifest.Load(StartModels.Folder(modelFolder, options.Teacher));
        return new JsonObject { ["name"] = manifest.Name, ["weights"] = manifest.Files["weights.safetensors"] };
    }
}
