using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>The OpenAI-compatible routes, and vLLM's two for the tokenizer.</summary>
public static class OpenAiApi
{
    /// <summary>Adds the routes of a language model.</summary>
    public static void MapOpenAi(this IEndpointRouteBuilder routes, LanguageModel model, ServerState state, ILogger log)
    {
        routes.MapGet("/v1/models", context => Json.Write(context.Response, new JsonObject { ["object"] = "list", ["data"] = new JsonArray(Card(model)) }));
        routes.MapGet("/v1/models/{name}", (HttpContext context, string name) => name == model.Name
            ? Json.Write(context.Response, Card(model))
            : throw new ApiError(404, $"The model '{name}' is not served here; '{model.Name}' is.", "model", "model_not_found"));
        routes.MapPost("/v1/completions", context => Complete(context, model, state, log));
        routes.MapPost("/v1/chat/completions", context => Chat(context, model, state, log));
        routes.MapPost("/tokenize", context => Tokenize(context, model));
        routes.MapPost("/detokenize", context => Detokenize(context, model));
    }

    private static async Task Complete(HttpContext context, LanguageModel model, ServerState state, ILogger log)
    {
        using var running = state.Enter();
        var fields = await Json.Read(context.Request);
        model.CheckName(fields);
        var options = GenerationOptions.Read(context.Request, fields, model, chat: false);
        var echo = fields.Flag("echo");
        var prompts = Prompts.Read(fields, model);
        var requests = prompts.SelectMany(prompt => model.Requests(prompt, options, "prompt", echo)).ToArray();
        var format = new CompletionFormat(model.Tokenizer, options, prompts, echo);
        await new Answer(context, model, format, options, new Usage(prompts.Sum(prompt => prompt.Count)), log).Write(requests);
    }

    private static async Task Chat(HttpContext context, LanguageModel model, ServerState state, ILogger log)
    {
        using var running = state.Enter();
        var fields = await Json.Read(context.Request);
        model.CheckName(fields);
        var options = GenerationOptions.Read(context.Request, fields, model, chat: true);
        options = options with { Stops = [.. options.Stops, .. model.Template.Stops] };
        var prompt = model.Tokens(model.Template.Apply(ChatMessages.Read(fields)));
        var requests = model.Requests(prompt, options, "messages").ToArray();
        await new Answer(context, model, new ChatFormat(model.Tokenizer, options, prompt), options, new Usage(prompt.Count), log).Write(requests);
    }

    private static async Task Tokenize(HttpContext context, LanguageModel model)
    {
        var fields = await Json.Read(context.Request);
        model.CheckName(fields);
        var text = fields.Find("messages") is not null ? model.Template.Apply(ChatMessages.Read(fields))
            : fields.Text("prompt") ?? throw fields.Error("prompt", "is missing; it is the text to turn into tokens.");
        var tokens = model.Tokenizer.Encode(text);
        await Json.Write(context.Response, new JsonObject
        {
            ["count"] = tokens.Length,
            ["max_model_len"] = model.Sizes.ContextLength,
            ["tokens"] = new JsonArray([.. tokens.Select(token => (JsonNode)token)]),
        });
    }

    private static async Task Detokenize(HttpContext context, LanguageModel model)
    {
        var fields = await Json.Read(context.Request);
        model.CheckName(fields);
        var tokens = fields.List("tokens") ?? throw fields.Error("tokens", "is missing; it is the array of token ids.");
        var bytes = tokens.SelectMany(element => element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var token)
            && token >= 0 && token < model.Tokenizer.VocabularySize
                ? model.Tokenizer.BytesOf(token).ToArray()
                : throw fields.Error("tokens", $"holds {JsonFields.Describe(element)}, but token ids are from 0 to {model.Tokenizer.VocabularySize - 1}.")).ToArray();
        await Json.Write(context.Response, new JsonObject { ["prompt"] = Encoding.UTF8.GetString(bytes) });
    }

    private static JsonObject Card(LanguageModel model)
    {
        var card = new JsonObject
        {
            ["id"] = model.Name,
            ["object"] = "model",
            ["created"] = model.Created.ToUnixTimeSeconds(),
            ["owned_by"] = "onnxmoe",
            ["max_model_len"] = model.Sizes.ContextLength,
        };
        if (model.Threshold is { } threshold)
            card[RouterThreshold.Input] = new JsonObject { ["used"] = threshold, ["trained"] = model.TrainedThreshold };
        if (model.ActiveExperts is { } active)
            card[ActiveExperts.Input] = new JsonObject
            {
                ["least"] = active.Least,
                ["most"] = active.Most,
                ["default"] = active.Default,
                ["measured"] = new JsonArray([.. active.Measured.Select(quality => new JsonObject
                {
                    ["k"] = quality.K,
                    ["validation_loss"] = quality.ValidationLoss,
                    ["flops_per_token"] = quality.FlopsPerToken,
                })]),
            };
        return card;
    }
}
