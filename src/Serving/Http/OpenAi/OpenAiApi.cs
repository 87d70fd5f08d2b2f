using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Generation;
using OnnxMoe.Serving.Hosting;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>The OpenAI-compatible routes, and vLLM's two for the tokenizer.</summary>
public static class OpenAiApi
{
    /// <summary>Adds the routes.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="slot">The served model.</param>
    /// <param name="limits">What a client may ask for.</param>
    /// <param name="options">The settings.</param>
    /// <param name="log">For failures.</param>
    internal static void MapOpenAi(this IEndpointRouteBuilder routes, ModelSlot slot, RateLimits limits, ServeOptions options, ILogger log)
    {
        Map("GET", "/v1/models", (context, model) => Json.Write(context.Response, new JsonObject { ["object"] = "list", ["data"] = new JsonArray(Card(model)) }));
        Map("GET", "/v1/models/{name}", (context, model) => context.GetRouteValue("name") as string == model.Name
            ? Json.Write(context.Response, Card(model))
            : throw model.Unknown(context.GetRouteValue("name") as string));
        Map("POST", "/v1/completions", (context, model) => Complete(context, model, limits, options, log));
        Map("POST", "/v1/chat/completions", (context, model) => Chat(context, model, limits, options, log));
        Map("POST", "/tokenize", Tokenize);
        Map("POST", "/detokenize", Detokenize);

        void Map(string method, string path, Func<HttpContext, LanguageModel, Task> answer) => routes.MapMethods(path, [method], async context =>
        {
            using var lease = slot.Acquire();
            await answer(context, lease.Model.Language ?? throw new ApiError(404, $"{lease.Model.Name} is no language model; POST tensors to /v2/models/{lease.Model.Name}/infer.", code: "no_language_model"));
        });
    }

    private static async Task Complete(HttpContext context, LanguageModel model, RateLimits limits, ServeOptions settings, ILogger log)
    {
        var fields = await Json.Read(context.Request);
        model.CheckName(fields);
        var options = GenerationOptions.Read(context.Request, fields, model, settings.RequestTimeout, chat: false);
        var echo = fields.Flag("echo");
        var prompts = Prompts.Read(fields, model);
        var client = ClientName.Read(context, fields);
        var requests = prompts.SelectMany(prompt => model.Requests(prompt, options, "prompt", client, echo)).ToArray();
        var format = new CompletionFormat(model.Tokenizer, options, prompts, echo);
        await Answer(context, model, format, options, prompts, requests, limits, settings, log);
    }

    private static async Task Chat(HttpContext context, LanguageModel model, RateLimits limits, ServeOptions settings, ILogger log)
    {
        var fields = await Json.Read(context.Request);
        model.CheckName(fields);
        var options = GenerationOptions.Read(context.Request, fields, model, settings.RequestTimeout, chat: true);
        options = options with { Stops = [.. options.Stops, .. model.Template.Stops] };
        var prompt = model.Tokens(model.Template.Apply(ChatMessages.Read(fields)), "messages");
        var requests = model.Requests(prompt, options, "messages", ClientName.Read(context, fields)).ToArray();
        await Answer(context, model, new ChatFormat(model.Tokenizer, options, prompt), options, [prompt], requests, limits, settings, log);
    }

    private static Task Answer(
        HttpContext context, LanguageModel model, IAnswerFormat format, GenerationOptions options, IReadOnlyList<IReadOnlyList<int>> prompts,
        IReadOnlyList<GenerationRequest> requests, RateLimits limits, ServeOptions settings, ILogger log)
    {
        limits.Charge(context, requests.Sum(request => request.Prompt.Count + request.MaxTokens));
        if (settings.LogPrompts)
            RequestRecord.Of(context).Prompt = string.Join('\n', prompts.Select(prompt => model.Tokenizer.Decode([.. prompt])));
        return new Answer(context, model, format, options, new Usage(prompts.Sum(prompt => prompt.Count)), log) { KeepsText = settings.LogPrompts }.Write(requests);
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
            ["tokens"] = JsonValue.Create(tokens),
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
