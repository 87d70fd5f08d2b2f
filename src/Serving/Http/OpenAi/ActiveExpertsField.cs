using Microsoft.AspNetCore.Http;
using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>Reads how many experts a token of a request is to meet: the field <c>active_experts</c>, else the header <c>X-Active-Experts</c>.</summary>
internal static class ActiveExpertsField
{
    public const string Header = "X-Active-Experts";

    /// <summary>The number; null leaves it to the server.</summary>
    /// <exception cref="ApiError">No number, one that the model does not offer, or a model that offers no choice.</exception>
    public static int? Read(HttpRequest request, JsonFields fields, LanguageModel model)
    {
        if (fields.Integer(ActiveExperts.Input) is { } field)
            return Checked(field, $"'{ActiveExperts.Input}'", ActiveExperts.Input, model);
        if (request.Headers[Header] is not { Count: > 0 } header)
            return null;
        return long.TryParse(header.ToString(), out var number)
            ? Checked(number, $"The header {Header}", Header, model)
            : throw ApiError.BadRequest($"The header {Header} must be a whole number, not '{header}'.", Header);
    }

    private static int Checked(long number, string what, string field, LanguageModel model)
    {
        if (model.ActiveExperts is not { } offered)
            throw ApiError.BadRequest($"{what} is {number}, but the number of active experts of '{model.Name}' cannot be chosen; leave it out.", field);
        return offered.Problem(number) is { } problem ? throw ApiError.BadRequest($"{what} {problem}.", field) : (int)number;
    }
}
