import Foundation
import Hummingbird
import Inference

/// `/models` and `/tags`: the models that can be asked now, as OpenAI and as Ollama list them; `/show`: one of them, as
/// Ollama tells of it. (spec/02, C13)
struct ModelRoutes: RouteGroup {
  let models: ModelCatalogue
  var now: @Sendable () -> Date = { Date() }

  func register(on routes: inout Routes) {
    routes.on(.get, "/models", .catalogue, use: list)
    routes.on(.get, "/tags", .catalogue, use: tags)
    routes.on(.post, "/show", .catalogue, use: show)
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    let time = Int64(now().timeIntervalSince1970)
    return try .json(
      Listing(
        data: await models.models().map { model in
          Listing.Item(
            id: model.id, created: model.created ?? time, ownedBy: model.ownedBy, root: model.id)
        }))
  }

  private func tags(_ request: Request, _ context: HostContext) async throws -> Response {
    let time = now()
    return try .json(
      Tags(
        models: await models.models().map { model in
          let date = model.created.map { Date(timeIntervalSince1970: TimeInterval($0)) } ?? time
          return Tags.Item(
            name: model.id, model: model.id, modifiedAt: date, details: .init(family: model.ownedBy))
        }))
  }

  private func show(_ request: Request, _ context: HostContext) async throws -> Response {
    guard let order = try await request.decoded(Order.self), let name = order.model ?? order.name else {
      return .failure(.badRequest, type: "invalid_request_error", message: "Invalid request format")
    }
    let offered = await models.models()
    guard let model = offered.first(where: { $0.id == name || $0.id == name + ":latest" }) else {
      return RequestFailure(InferenceError.unknownModel(name)).response
    }
    return try .json(
      Shown(details: .init(family: model.ownedBy), modelInfo: ["general.basename": model.id]))
  }

  private struct Order: Decodable {
    var model: String?
    var name: String?
  }

  private struct Shown: Encodable {
    var modelfile = ""
    var parameters = ""
    var template = ""
    let details: Tags.Details
    let modelInfo: [String: String]

    enum CodingKeys: String, CodingKey {
      case modelfile, parameters, template, details
      case modelInfo = "model_info"
    }
  }

  private struct Listing: Encodable {
    struct Item: Encodable {
      let id: String
      var object = "model"
      let created: Int64
      let ownedBy: String
      let root: String

      enum CodingKeys: String, CodingKey {
        case id, object, created, root
        case ownedBy = "owned_by"
      }
    }
    var object = "list"
    let data: [Item]
  }

  private struct Tags: Encodable {
    struct Item: Encodable {
      let name: String
      let model: String
      let modifiedAt: Date
      var size = 0
      var digest = ""
      let details: Details

      enum CodingKeys: String, CodingKey {
        case name, model, size, digest, details
        case modifiedAt = "modified_at"
      }
    }
    struct Details: Encodable {
      var parentModel = ""
      var format = ""
      let family: String
      let families: [String]
      var parameterSize = ""
      var quantizationLevel = ""

      init(family: String) {
        self.family = family
        families = [family]
      }

      enum CodingKeys: String, CodingKey {
        case format, family, families
        case parentModel = "parent_model"
        case parameterSize = "parameter_size"
        case quantizationLevel = "quantization_level"
      }
    }
    let models: [Item]
  }
}
